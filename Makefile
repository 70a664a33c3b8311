PYTHON ?= python3

help:      ; @$(PYTHON) do.py
learn:     ; @$(PYTHON) do.py learn $(ARGS)
test:      ; @$(PYTHON) do.py test $(ARGS)
demo:      ; @$(PYTHON) do.py demo $(ARGS)
lab:       ; @$(PYTHON) do.py lab $(ARGS)
lite:      ; @$(PYTHON) do.py lite $(ARGS)
notebooks: ; @$(PYTHON) do.py notebooks $(ARGS)
bench:     ; @$(PYTHON) do.py bench $(ARGS)
check:     ; @$(PYTHON) do.py check $(ARGS)

.PHONY: help learn test demo lab lite notebooks bench check
