"""Many runs: what is missing of them, done by whatever machine there is, and resumed after anything."""
