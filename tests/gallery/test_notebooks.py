"""The gallery: every notebook is well kept, and runs from a folder that holds only what it declares.

papermill runs them plainly here, without the platform: what passes here and fails there is the
platform's fault.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest

from nightbook.core import notebooks, parameters

GALLERY = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(GALLERY.glob("*.ipynb"))
KERNELS = {"bash_inventory": "bash"}
QUICKLY: dict[str, dict[str, Any]] = {"long_progress": {"steps": 3, "seconds": 0.02}}
FAILING = {"fails_halfway"}


def read(name: str) -> Any:
    return nbformat.read(GALLERY / f"{name}.ipynb", as_version=4)


def run(name: str, folder: Path, **parameters: Any) -> Any:
    """Run a notebook in *folder*, which gets the files it declares and nothing else."""
    notebook = read(name)
    for declared in notebook.metadata.get("nightbook", {}).get("files", []):
        target = folder / declared
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(GALLERY / declared, target)
    return papermill.execute_notebook(
        notebook,
        None,
        parameters={**QUICKLY.get(name, {}), **parameters},
        cwd=str(folder),
        progress_bar=False,
    )


def printed(notebook: Any) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def has_picture(notebook: Any) -> bool:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return any("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestEveryNotebook:
    def test_is_valid_nbformat_with_readable_unique_ids(self, path: Path) -> None:
        notebook = json.loads(path.read_text(encoding="utf-8"))

        nbformat.validate(notebook)

        ids = [cell["id"] for cell in notebook["cells"]]
        assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
        assert len(set(ids)) == len(ids)
        assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", cell_id) for cell_id in ids)

    def test_stores_no_outputs_and_no_counts(self, path: Path) -> None:
        code = [cell for cell in read(path.stem).cells if cell.cell_type == "code"]

        assert [cell for cell in code if cell.outputs or cell.execution_count is not None] == []

    def test_begins_with_a_title_and_names_its_kernel(self, path: Path) -> None:
        notebook = read(path.stem)

        assert notebook.cells[0].source.startswith("# ")
        assert notebook.metadata.kernelspec.name == KERNELS.get(path.stem, "python3")

    def test_has_one_parameters_cell_that_explains_each_parameter(self, path: Path) -> None:
        tagged = [cell for cell in read(path.stem).cells if "parameters" in cell.metadata.get("tags", [])]

        assert len(tagged) == 1
        for line in tagged[0].source.splitlines():
            assert re.fullmatch(r"\w+(: [^=]+ )?\s*=.*\S\s*# \w.*", line), line

    def test_its_parameters_make_a_typed_form_without_findings(self, path: Path) -> None:
        declared = parameters.declared(notebooks.read(json.loads(path.read_text(encoding="utf-8"))))

        assert declared.findings == ()
        assert [p for p in declared.parameters if p.type == "any" or not p.editable or not p.help] == []

    def test_declares_files_that_exist_beside_it(self, path: Path) -> None:
        declared = read(path.stem).metadata.get("nightbook", {}).get("files", [])

        assert [name for name in declared if not (GALLERY / name).is_file() or ".." in name] == []

    def test_ends_as_it_should_with_its_defaults(self, path: Path, tmp_path: Path) -> None:
        if path.stem in FAILING:
            with pytest.raises(papermill.PapermillExecutionError):
                run(path.stem, tmp_path)
        else:
            executed = run(path.stem, tmp_path)
            assert all(cell.execution_count for cell in executed.cells if cell.cell_type == "code")
            assert "Warning" not in printed(executed)


def test_the_sales_report_draws_its_charts_for_the_region_asked_for(tmp_path: Path) -> None:
    report = run("daily_sales", tmp_path, region="west", days=14, report_date="2026-06-21")

    assert "west: 14 days, 08 Jun 2026 to 21 Jun 2026" in printed(report)
    assert has_picture(report)


def test_the_sales_report_refuses_days_without_sales(tmp_path: Path) -> None:
    with pytest.raises(papermill.PapermillExecutionError, match="No sales in north"):
        run("daily_sales", tmp_path, report_date="2020-01-01")


def test_the_weekly_review_finds_the_bad_week_in_the_west(tmp_path: Path) -> None:
    review = run("weekly_review", tmp_path, alert_drop=0.3)

    assert "week of 08 Jun: west fell by" in printed(review)
    assert "1 fall(s)" in printed(review)


def test_a_failed_check_of_severity_warn_is_shown_and_passes(tmp_path: Path) -> None:
    report = run("data_quality", tmp_path)

    assert "warning: prices can be read" in printed(report)
    assert "none of severity error failed" in printed(report)


def test_a_failed_check_of_severity_error_fails_the_last_cell(tmp_path: Path) -> None:
    with pytest.raises(papermill.PapermillExecutionError, match="prices can be read") as failure:
        run("data_quality", tmp_path, severity="error")

    assert failure.value.source.startswith("failed = table")


def test_the_forecast_beats_the_naive_one_and_writes_a_row_per_day(tmp_path: Path) -> None:
    forecast = run("demand_forecast", tmp_path, category="tea", horizon=10)

    shares = [float(share) for share in re.findall(r"([\d.]+)%\n", printed(forecast))[:2]]
    assert shares[0] < shares[1]
    assert len((tmp_path / "outputs/forecast.csv").read_text().splitlines()) == 1 + 10
    assert has_picture(forecast)


@pytest.mark.parametrize("model", ["logistic", "forest"])
def test_the_churn_model_is_above_its_bar(tmp_path: Path, model: str) -> None:
    churn = run("churn_model", tmp_path, model=model)

    metrics = json.loads((tmp_path / "outputs/metrics.json").read_text())
    assert metrics["ROC AUC"] > 0.7
    assert has_picture(churn)
    assert (tmp_path / "outputs/scores.csv").is_file()


def test_the_export_writes_only_the_customers_asked_for(tmp_path: Path) -> None:
    run("export_customers", tmp_path, plan="business", regions=["south", "west"], min_spend=150.0)

    rows = (tmp_path / "outputs/customers.csv").read_text().splitlines()[1:]
    summary = json.loads((tmp_path / "outputs/summary.json").read_text())
    assert summary["customers"] == len(rows) > 0
    assert {row.split(",")[1] for row in rows} == {"south", "west"}
    assert {row.split(",")[2] for row in rows} == {"business"}


def test_the_failing_one_names_the_order_and_ends_well_when_told_to_skip_it(tmp_path: Path) -> None:
    with pytest.raises(papermill.PapermillExecutionError, match="O000371"):
        run("fails_halfway", tmp_path)

    assert "Turnover in 2026-07" in printed(run("fails_halfway", tmp_path, skip_unreadable=True))


def test_the_long_one_prints_a_line_per_batch(tmp_path: Path) -> None:
    assert printed(run("long_progress", tmp_path, steps=4, seconds=0.01)).count("batch ") == 4


def test_the_bash_one_lists_the_files_and_fails_on_a_short_one(tmp_path: Path) -> None:
    run("bash_inventory", tmp_path)

    table = (tmp_path / "outputs/inventory.tsv").read_text().splitlines()
    assert [line.split("\t")[:2] for line in table[1:]] == [
        ["data/customers.csv", "600"],
        ["data/orders.csv", "400"],
        ["data/sales.csv", "2184"],
    ]
    with pytest.raises(papermill.PapermillExecutionError):
        run("bash_inventory", tmp_path, min_rows=1000)


def test_the_data_in_the_repository_is_what_its_maker_makes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, GALLERY / "data/make_data.py", tmp_path], check=True)

    for path in sorted(tmp_path.iterdir()):
        assert path.read_bytes() == (GALLERY / "data" / path.name).read_bytes(), path.name
