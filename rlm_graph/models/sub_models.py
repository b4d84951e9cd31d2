"""The models that the code may ask, by name: the sub-model first, and those that the user named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from langchain_core.language_models import BaseChatModel

from rlm_graph import prompts
from rlm_graph.config import RLMConfig
from rlm_graph.errors import ConfigError
from rlm_graph.models.chat_models import model_name, resolve_model
from rlm_graph.models.model import Model
from rlm_graph.prices import Price
from rlm_graph.served_config import ServedConfig


@dataclass(frozen=True)
class SubModel:
    """A model that the code may ask by a name of your choice: `llm_query(prompt, model="strong")`."""

    model: str | BaseChatModel
    """The chat model, or its name."""

    about: str = ""
    """What it is good for, in a sentence that the root model reads."""

    max_concurrency: int | None = None
    """Its requests in flight at once, in the whole tree, beside `RLMConfig.max_concurrency` for all; None: no limit."""

    max_tokens: int | None = None
    """Output tokens of one call; None: `RLMConfig.sub_max_tokens`."""

    temperature: float | None = None
    """Sampling temperature; None: `RLMConfig.sub_temperature`."""

    price: Price | None = None
    """What its tokens cost; None: as genai-prices knows it."""


@dataclass(frozen=True)
class Askable:
    """A model that the code may ask, ready to be asked."""

    model: Model
    max_concurrency: int | None = None
    """Its own limit of requests in flight; None: there is none."""


class SubModels:
    """The models that the code may ask.

    Args:
        default: The one that is asked where the code names none, under the name that it has itself.
        named: Those with a name of the user's.
        root: The root model, which the code may ask too, under the name that it has itself.
        prices: The caller's own prices, by the models' own names.
        offered: Those that the settings of a run may choose in place of `root` and `default`, by name.

    Raises:
        ConfigError: a name or a value of `named`, or a price, is not allowed.
    """

    def __init__(
        self,
        default: BaseChatModel,
        root: BaseChatModel,
        named: Mapping[str, str | BaseChatModel | SubModel] | None,
        prices: Mapping[str, Price],
        offered: Mapping[str, BaseChatModel] | None = None,
    ) -> None:
        self._specs: dict[str, SubModel] = {}
        for name, given in (named or {}).items():
            if not isinstance(name, str) or not name.strip():
                raise ConfigError(f"sub_models: {name!r} is not allowed: must be a name")
            spec = given if isinstance(given, SubModel) else SubModel(given)
            for limit in ("max_concurrency", "max_tokens"):
                value = getattr(spec, limit)
                if value is not None and (type(value) is not int or value < 1):
                    raise ConfigError(
                        f"sub_models: {limit} {value!r} of {name!r} is not allowed: must be a whole number from 1"
                    )
            self._specs[name] = spec
        self._default = default
        self._root = root
        self._offered = offered or {}
        self._chat_models = {name: resolve_model(spec.model) for name, spec in self._specs.items()}
        own = {model_name(self._chat_models[name]): spec.price for name, spec in self._specs.items() if spec.price}
        self.prices: dict[str, Price] = {**own, **prices}
        """The caller's own, those of `SubModel` among them."""

        for name, price in self.prices.items():
            if not isinstance(price, Price):
                raise ConfigError(f"prices: {price!r} of {name!r} is not allowed: must be a Price(input, output)")

        self._made: dict[tuple[object, ...], Model] = {}  # by settings: they learn what their servers refuse

    def root(self, settings: RLMConfig) -> BaseChatModel:
        """The root model.

        Raises:
            ConfigError: the settings choose one that is not offered.
        """
        return self._chosen("root_model", settings, self._root)

    def default(self, settings: RLMConfig) -> BaseChatModel:
        """The sub-model: root model of the children too.

        Raises:
            ConfigError: the settings choose one that is not offered.
        """
        return self._chosen("sub_model", settings, self._default)

    def _chosen(self, setting: str, settings: RLMConfig, own: BaseChatModel) -> BaseChatModel:
        name = getattr(settings, setting) if isinstance(settings, ServedConfig) else ""
        if name and name not in self._offered:
            offered = ", ".join(self._offered) or "none"
            raise ConfigError(f"{setting}: {name!r} is not allowed: must be one of those offered, which are {offered}")
        return self._offered[name] if name else own

    def askable(self, settings: RLMConfig) -> dict[str, Askable]:
        """By name; the first is asked where the code names none."""
        default, root = self.default(settings), self.root(settings)
        found = {model_name(default): Askable(self._model(default, settings))}
        for name, spec in self._specs.items():
            found[name] = Askable(self._model(self._chat_models[name], settings, spec), spec.max_concurrency)
        found.setdefault(model_name(root), Askable(self._model(root, settings)))
        return found

    def lines(self, settings: RLMConfig) -> tuple[prompts.ModelLine, ...]:
        """What the root model is told of them. It is not told of itself: sub-calls are meant for others."""
        models = self.askable(settings)
        names = [next(iter(models)), *self._specs]
        about = {name: spec.about for name, spec in self._specs.items()}
        return tuple(
            prompts.ModelLine(name, about.get(name, ""), models[name].model.window_tokens)
            for name in dict.fromkeys(names)
        )

    def _model(self, chat_model: BaseChatModel, settings: RLMConfig, spec: SubModel | None = None) -> Model:
        temperature = settings.sub_temperature if spec is None or spec.temperature is None else spec.temperature
        max_tokens = settings.sub_max_tokens if spec is None or spec.max_tokens is None else spec.max_tokens
        key = (id(chat_model), temperature, max_tokens, settings.call_timeout, settings.max_retries)
        if key not in self._made:
            self._made[key] = Model(
                chat_model,
                temperature=temperature,
                max_tokens=max_tokens,
                timeout_s=settings.call_timeout,
                max_retries=settings.max_retries,
                prices=self.prices,
            )
        return self._made[key]


__all__ = ["Askable", "SubModel", "SubModels"]
