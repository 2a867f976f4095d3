"""The models of the console itself."""

from console.models.console_sessions import ConsoleSession
from console.models.sign_in_attempts import SignInAttempt

__all__ = ["ConsoleSession", "SignInAttempt"]
