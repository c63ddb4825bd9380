"""The service's pages for venues and auditors: rendered here, without scripts.            specs/service.md#pages"""
