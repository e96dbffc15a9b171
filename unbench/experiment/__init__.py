"""One run, from a spec to stored outputs: reference models, unlearning, shadow models, probes and tuning."""
