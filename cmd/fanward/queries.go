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
	qDeadNodes = queries.Get("dead-nodes")
	qBuryNode  = queries.Get("bury-node")
	qNoteKey   = queries.Get("note-key")
	qReadKey   = queries.Get("read-key")
	qOthers    = queries.Get("others")
	qAnything  = queries.Get("anything")

	qNoteSandbox = queries.Get("note-sandbox")
	qMakeSandbox = queries.Get("make-sandbox")
	qSandbox     = queries.Get("sandbox-state")
	qForbidder   = queries.Get("sandbox-forbidder")
	qTakeSandbox = queries.Get("take-sandbox")
	qOwnSandbox  = queries.Get("own-sandbox")
	qKeepSandbox = queries.Get("keep-sandbox")
	qLeave       = queries.Get("leave-sandbox")
	qMove        = queries.Get("move-sandbox")
	qBehind      = queries.Get("sandbox-behind")
	qLoadPhones  = queries.Get("load-phones")
	qSavePhones  = queries.Get("save-phones")

	qNoteInstallation = queries.Get("note-installation")
	qReadInstallation = queries.Get("read-installation")
)
