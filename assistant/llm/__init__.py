"""Language models behind one protocol. Nothing is imported or sent unless a model is configured."""

from assistant.llm.base import LanguageModel, Message, ModelError, Piece, Usage
from assistant.llm.call import Call, said
from assistant.llm.guard import guarded
from assistant.llm.spec import ModelSettings, make_model

__all__ = ["Call", "LanguageModel", "Message", "ModelError", "ModelSettings", "Piece", "Usage", "guarded", "make_model", "said"]
