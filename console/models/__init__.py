"""The models of the console itself."""

from console.models.sign_in_attempts import SignInAttempt

__all__ = ["SignInAttempt"]
