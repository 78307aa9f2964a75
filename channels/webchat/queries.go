package webchat

import (
	_ "embed"

	"github.com/fanward/fanward/internal/store"
)

//go:embed queries.sql
var queriesSQL string

var queries = store.Load("webchat", queriesSQL)
