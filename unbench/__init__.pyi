import types

from .analysis.comparison.compare import diff as diff
from .analysis.evaluation import evaluate as evaluate
from .cli.check import check_all as check_all
from .cli.check import check_dataset as check_dataset
from .cli.check import check_method as check_method
from .cli.listing import list_datasets as list_datasets
from .cli.listing import list_methods as list_methods
from .cli.listing import list_metrics as list_metrics
from .cli.listing import list_runs as list_runs
from .cli.listing import list_scenarios as list_scenarios
from .cli.listing import show_dataset as show_dataset
from .cli.listing import show_method as show_method
from .cli.listing import show_metric as show_metric
from .cli.listing import show_run as show_run
from .cli.scaffold import new_method as new_method
from .config.registry import add_plugin as add_plugin
from .data import load_dataset as load_dataset
from .deployment.costs import cost as cost
from .deployment.forget import forget as forget
from .deployment.predict import predict as predict
from .deployment.train import train as train
from .experiment.run import run as run
from .experiment.shadow_models.grow import shadow as shadow
from .experiment.tuning import tune as tune
from .reporting import report as report
from .reporting.export import export as export
from .store.results import load_metrics as load_metrics
from .store.results import load_outputs as load_outputs
from .store.results import load_results as load_results
from .sweeps.garbage import find_garbage as find_garbage
from .sweeps.status import status as status
from .sweeps.sweep import sweep as sweep
from .sweeps.sweep_file import SweepCard as SweepCard
from .sweeps.sweep_file import read_sweep as read_sweep

__version__: str
registry: types.ModuleType
