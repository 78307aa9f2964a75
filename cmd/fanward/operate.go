package main

import (
	_ "embed"

	"github.com/fanward/fanward/internal/store"
)

//go:embed operate.sql
var operateSQL string

// What backups, gauges and the doctor ask.
var (
	operating        = store.Load("operate", operateSQL)
	qForgetKey       = operating.Get("forget-key")
	qNodesAlive      = operating.Get("nodes-alive")
	qSetting         = operating.Get("setting")
	qSetSetting      = operating.Get("set-setting")
	qDoubtDeliveries = operating.Get("doubt-deliveries")
	qDoubtContents   = operating.Get("doubt-contents")
	qPauseJourneys   = operating.Get("pause-journeys")
	qDropSessions    = operating.Get("drop-sessions")
	qDropLinks       = operating.Get("drop-links")
	qOutboxDue       = operating.Get("outbox-due")
	qOutboxUnknown   = operating.Get("outbox-unknown")
	qOutboxFailed    = operating.Get("outbox-failed")
	qIntakeDue       = operating.Get("intake-due")
	qIntakeFailed    = operating.Get("intake-failed")
	qJobsDue         = operating.Get("jobs-due")
	qTouched         = operating.Get("touched")
	qSegmentsDue     = operating.Get("segments-due")
	qJourneysDue     = operating.Get("journeys-due")
	qSignalDue       = operating.Get("signal-due")
	qLastBackup      = operating.Get("last-backup")
	qSealedElsewhere = operating.Get("sealed-elsewhere")
	qAnybody         = operating.Get("anybody")
	qRealAccounts    = operating.Get("real-accounts")
	qNewestFile      = operating.Get("newest-file")
	qMailAccounts    = operating.Get("mail-accounts")
	qDatabaseClock   = operating.Get("database-clock")
)
