"""Mapping: the files that people write, and what they become."""

from streams.mapping.capture import capture_sources
from streams.mapping.compiling import compile_mapping, compile_site
from streams.mapping.loading import check_files, load_site
from streams.mapping.reading import BadFiles, Problem
from streams.mapping.site_file import Site

__all__ = ["BadFiles", "Problem", "Site", "capture_sources", "check_files", "compile_mapping", "compile_site", "load_site"]
