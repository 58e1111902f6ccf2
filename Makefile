# Everything a checkout can do. `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help run setup test check bench drill oracle conformance clean

# npm ci brings Node 24 for machines that have an older one. Only here and not on PATH: a Debian npm works with Debian's Node alone.
node = PATH="$(CURDIR)/node_modules/.bin:$$PATH" node

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup ## Start Sluice on examples/quickstart with small backends of its own
	@exec bin/sluice demo

setup: ## Install what is missing: Node, libraries, HAProxy, nftables, conntrack (asks for sudo where it must)
	@scripts/setup.sh

test: ## Install what the tests need, then run all of them (as root, for the suites that need it)
	@scripts/setup.sh --test
	@$(node) scripts/test.ts

check: ## Types, lint, format and unit tests: the quick part of "make test"
	@scripts/setup.sh
	@$(node) scripts/test.ts --quick

bench: ## Measure against the peers, side by side
	@scripts/setup.sh --test
	@$(node) test/bench/bench.ts

drill: ## Let nodes die, hang, be cut off, drained and upgraded, and measure for how long their addresses do not answer (as root)
	@scripts/setup.sh --test
	@$(node) test/drill/failover.ts

oracle: ## Replay what was recorded of ingress-nginx, and count by topic what is answered alike (as root)
	@scripts/setup.sh --test
	@PATH="$(CURDIR)/node_modules/.bin:$$PATH" unshare --net node test/oracle/oracle.ts

conformance: ## Ask the official suite of Gateway API about the cluster of KUBECONFIG, in which Sluice serves
	@scripts/setup.sh --test
	@$(node) test/conformance/conformance.ts $(ARGS)

clean: ## Remove what the other targets left in the checkout; the cache outside it stays
	rm -rf node_modules coverage .sluice
