"""How a store of an older schema becomes one of the present schema. Each step is taken whole or not at all."""
