"""Value lists, areas, answer codes, infno: the small tables everything else trusts."""

import json
from dataclasses import FrozenInstanceError

import pytest

from streams.bounded import text_in
from streams.errors import Misconfigured
from streams.spec.answers import ANSWERS, AnswerClass
from streams.spec.areas import area_of, areas
from streams.spec.dictionaries import load_dictionaries
from streams.spec.fields import ServiceCode
from streams.spec.infno import ALTERNATIVES, INFNO
from streams.spec.interface import SERVICES
from streams.spec.profiles import REPORTING


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("200", AnswerClass.ACCEPTED),
        ("40000", AnswerClass.REFUSED),
        ("40001", AnswerClass.REFUSED),
        ("40002", AnswerClass.HELD),
        ("40003", AnswerClass.REFUSED),
        ("40004", AnswerClass.HELD),
        ("40005", AnswerClass.REPEATED),
        ("40006", AnswerClass.HELD),
        ("40099", AnswerClass.UNKNOWN),
        ("50000", AnswerClass.RETRY),
        ("0", AnswerClass.UNKNOWN),
        ("500", AnswerClass.UNKNOWN),
        ("-1", AnswerClass.UNKNOWN),
    ],
)
def test_a_code_says_whose_fault_it_is(code, expected):
    """A key's fault taken for a record's would empty a hospital into the dead letters; the reverse would hold a lane for ever."""
    assert expected is REPORTING.classify(code)


def test_all_nine_codes_of_the_interface_are_known():
    """§3.2.4 has nine rows."""
    assert {"200", "40000", "40001", "40002", "40003", "40004", "40005", "40006", "50000"} == set(ANSWERS)


def test_every_list_has_codes_and_yes_no_flags_are_closed():
    """An empty list would refuse everything or nothing."""
    dictionaries = load_dictionaries()
    assert all(each.codes for each in dictionaries.values())
    assert dictionaries["CHRGITM_LV"].closed
    assert {"01", "02", "03"} == set(dictionaries["CHRGITM_LV"].codes)
    assert not dictionaries["MED_TYPE"].closed


def test_areas_know_the_province_and_its_neighbours():
    """Patients insured elsewhere are treated here: a list of one province would warn about each of them."""
    assert areas()["361100"] == "上饶市"
    assert areas()["110101"]
    assert not load_dictionaries()["INSU_ADMDVS"].closed


@pytest.mark.parametrize(("code", "area"), [("H36110200001", "361102"), ("P36118100007", "361181"), ("H36", ""), ("", "")])
def test_an_institution_names_its_area(code, area):
    """FIX_BLNG_ADMDVS can be filled from the institution's own code."""
    assert area == area_of(code)


def test_a_site_replaces_a_list_whole(tmp_path):
    """The province's list replaces ours: codes the province withdrew must not survive in a mixture."""
    file = tmp_path / "lists.json"
    file.write_text(json.dumps({"dictionaries": {"MED_TYPE": {"closed": True, "codes": {"11": "普通门诊"}}}}), encoding="utf-8-sig")
    dictionaries = load_dictionaries(text_in(file.read_bytes()))
    assert (dict(dictionaries["MED_TYPE"].codes), dictionaries["MED_TYPE"].closed) == ({"11": "普通门诊"}, True)
    assert "GEND" in dictionaries


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "{}",
        '{"dictionaries": []}',
        '{"dictionaries": {"GEND": {"codes": {"1": "男"}}}}',
        '{"dictionaries": {"GEND": {"closed": "no", "codes": {"1": "男"}}}}',
        '{"dictionaries": {"GEND": {"closed": true, "codes": {}}}}',
        '{"dictionaries": {"GEND": {"closed": true, "codes": {"1": 1}}}}',
        '{"dictionaries": {"GEND": {"closed": true, "codes": {"1": "男", "1": "女"}}}}',
        "[" * 100_000,
    ],
)
def test_a_list_of_another_form_is_refused_with_its_file(content):
    """A list read halfway would refuse a hospital's records next morning."""
    with pytest.raises(Misconfigured, match=r"lists\.json"):
        load_dictionaries(content, where="lists.json")


def test_infno_has_a_value_of_four_for_every_service_and_kind_of_care():
    """§3.2.1 demands infno; an empty one is refused by the platform."""
    for service in ServiceCode:
        assert {"outpatient", "inpatient", "pharmacy"} == set(INFNO[service])
        for infno in INFNO[service].values():
            assert infno in ALTERNATIVES[service]
        assert all(len(infno) == 4 and infno.isdigit() for infno in ALTERNATIVES[service])


def test_the_profile_is_the_interfaces_envelope():
    """Deliver and the simulator both read it: an error here would agree with itself."""
    assert dict(REPORTING.envelope) == {"infno": 4, "msgid": 32, "fixmedins_code": 30, "fixmedins_name": 100, "data": 50000}
    assert REPORTING.path_of(ServiceCode.FEE) == "/metadata/receive/fee_list_d"
    assert (REPORTING.max_chars, REPORTING.max_rows) == (50000, 100)
    assert REPORTING.services is SERVICES


@pytest.mark.parametrize(
    "url",
    [
        "https://platform.example/fsp",
        "https://platform.example/fsp/",
        "https://platform.example/fsp/metadata/receive",
        "https://platform.example/fsp/metadata/receive/",
        "https://platform.example/fsp/metadata/receive/setl_d",
        "https://platform.example/fsp/metadata/receive/{service}",
    ],
)
def test_an_address_may_be_written_as_platforms_write_it(url):
    """Their papers name the whole address; with the path twice in it every lane would be held by 404."""
    assert "https://platform.example/fsp" == REPORTING.address_of(url)


@pytest.mark.parametrize("url", ["http://x/metadata/receive/v2", "http://x/fsp?token=1", "http://x/fsp#a"])
def test_an_address_that_leads_nowhere_is_refused(url):
    """Told by `yibao check`, and not by the first request."""
    with pytest.raises(ValueError, match="address"):
        REPORTING.address_of(url)


def test_nobody_can_change_what_everybody_reads():
    """These tables are shared by all lanes of a process."""
    with pytest.raises(FrozenInstanceError):
        REPORTING.max_rows = 1000  # type: ignore[misc]
    with pytest.raises(TypeError):
        SERVICES[ServiceCode.FEE] = SERVICES[ServiceCode.VISIT]  # type: ignore[index]
    with pytest.raises(TypeError):
        load_dictionaries()["GEND"].codes["3"] = "?"  # type: ignore[index]
