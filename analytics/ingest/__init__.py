"""Ingest: the one thread that reads journals and writes the store.

Here: following journals, turning frames into rows, batches that hold rows and positions in one transaction.
Never here: questions (store), pages (views), anything that a scheduling call waits for.
"""

from analytics.ingest.batch import Taken
from analytics.ingest.ingest import Ingest

__all__ = ["Ingest", "Taken"]
