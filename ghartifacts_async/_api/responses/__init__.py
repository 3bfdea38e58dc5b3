"""Reading the responses of the API that report errors."""
