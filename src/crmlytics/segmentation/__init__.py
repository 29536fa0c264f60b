"""Who the customers are: recency, frequency, monetary value, segments and how they move."""

from crmlytics.segmentation._cuts import rfm_cuts
from crmlytics.segmentation._history import rfm_history, segment_migration
from crmlytics.segmentation._maps import check_segment_map, rfm_segments, segment_map
from crmlytics.segmentation._plot import plot_rfm_heatmap, plot_segments
from crmlytics.segmentation._plot_migration import plot_migration
from crmlytics.segmentation._profile import segment_profile
from crmlytics.segmentation._rfm import rfm, rfm_table
from crmlytics.segmentation._scores import rfm_scores

__all__ = [
    "check_segment_map",
    "plot_migration",
    "plot_rfm_heatmap",
    "plot_segments",
    "rfm",
    "rfm_cuts",
    "rfm_history",
    "rfm_scores",
    "rfm_segments",
    "rfm_table",
    "segment_map",
    "segment_migration",
    "segment_profile",
]
