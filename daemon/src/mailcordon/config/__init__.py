"""Configuration: conf.d fragments to validated, frozen `Settings`; lookup tables; the `Policy` of one recipient."""
