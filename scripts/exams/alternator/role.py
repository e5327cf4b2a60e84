# A plugin of pytest: Alternator's tests ask Scylla by CQL for a role to sign requests with; any will do here.
import sys


def pytest_sessionstart(session):
    for module in list(sys.modules.values()):
        if hasattr(module, "get_valid_alternator_role"):
            module.get_valid_alternator_role = lambda url: ("alternator", "secret")
