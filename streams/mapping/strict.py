"""What every model of a file has in common: unknown names are errors, values never change, docstrings are the documentation."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema


class Strict(BaseModel):
    """A part of a file that a person writes."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=False)


def _text(value: object) -> object:
    return value if isinstance(value, str) or value is None else str(value)


Code = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": ["string", "number", "boolean"]})]
"""A code as it stands in the file: `01` stays `01`, quotes are not needed."""
