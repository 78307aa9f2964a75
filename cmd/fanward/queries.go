package main

import (
	_ "embed"

	"github.com/fanward/fanward/internal/store"
)

//go:embed queries.sql
var queriesSQL string

var (
	queries    = store.Load("node", queriesSQL)
	qLeaseNode = queries.Get("lease-node")
	qRenewNode = queries.Get("renew-node")
	qNoteKey   = queries.Get("note-key")
	qReadKey   = queries.Get("read-key")
)
