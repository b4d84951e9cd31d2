"""The offline default: a root model that is rules, answers exactly, and refuses what needs a language model."""

from rlm_graph.offline.model import OfflineRootModel

__all__ = ["OfflineRootModel"]
