"""An attempt on another machine, where there is no registry: it gets a parcel and keeps a spool."""
