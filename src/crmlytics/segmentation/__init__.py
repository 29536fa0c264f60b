"""Who the customers are: recency, frequency, monetary value, segments and how they move."""

from crmlytics.segmentation._attributes import attribute_segments
from crmlytics.segmentation._cluster_choice import choose_clusters
from crmlytics.segmentation._cluster_model import ClusterModel
from crmlytics.segmentation._clusters import fit_clusters
from crmlytics.segmentation._cuts import rfm_cuts
from crmlytics.segmentation._history import rfm_history, segment_migration
from crmlytics.segmentation._lifecycle import lifecycle_history, lifecycle_stages
from crmlytics.segmentation._lifecycle_thresholds import lifecycle_thresholds
from crmlytics.segmentation._maps import check_segment_map, rfm_segments, segment_map
from crmlytics.segmentation._plot import plot_rfm_heatmap, plot_segments
from crmlytics.segmentation._plot_clusters import plot_cluster_choice, plot_cluster_profile
from crmlytics.segmentation._plot_lifecycle import plot_lifecycle
from crmlytics.segmentation._plot_migration import plot_migration
from crmlytics.segmentation._profile import segment_profile
from crmlytics.segmentation._purchase_kinds import purchase_kinds
from crmlytics.segmentation._rfm import rfm, rfm_table
from crmlytics.segmentation._scores import rfm_scores
from crmlytics.segmentation._stage_flow import stage_flow
from crmlytics.segmentation._stage_rules import stage_actions

__all__ = [
    "ClusterModel",
    "attribute_segments",
    "check_segment_map",
    "choose_clusters",
    "fit_clusters",
    "lifecycle_history",
    "lifecycle_stages",
    "lifecycle_thresholds",
    "plot_cluster_choice",
    "plot_cluster_profile",
    "plot_lifecycle",
    "plot_migration",
    "plot_rfm_heatmap",
    "plot_segments",
    "purchase_kinds",
    "rfm",
    "rfm_cuts",
    "rfm_history",
    "rfm_scores",
    "rfm_segments",
    "rfm_table",
    "segment_map",
    "segment_migration",
    "segment_profile",
    "stage_actions",
    "stage_flow",
]
