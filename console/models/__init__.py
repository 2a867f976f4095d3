"""What the console itself remembers."""

from console.models.sign_in_attempts import SignInAttempt

__all__ = ["SignInAttempt"]
