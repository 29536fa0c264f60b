"""One page, one customer table and one list of actions from the tables a company has."""

from crmlytics.report._build import Report, build_report

__all__ = ["Report", "build_report"]
