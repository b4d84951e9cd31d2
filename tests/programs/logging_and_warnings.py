import logging
import warnings
import sys
logging.basicConfig(level=logging.INFO, stream=sys.stderr)
logger = logging.getLogger("rlm")
logger.info("start %s", 1)
logger.debug("hidden")
log = logging.getLogger(__name__)
log.warning("careful")
warnings.filterwarnings("ignore")
warnings.warn("ignored")
print("printed", logger.name, __name__)
try:
    1 / 0
except ZeroDivisionError:
    logger.exception("it failed")
    print("handled")
