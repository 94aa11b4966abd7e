"""The pages: unsubscribing, health, and the caught mails of a trial run."""
