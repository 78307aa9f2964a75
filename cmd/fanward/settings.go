package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/locale"
	"github.com/fanward/fanward/internal/store"
)

// settings reads the configuration that a command was given.
func settings(cmd *cobra.Command) (config.Result, error) {
	file, err := cmd.Flags().GetString("config")
	if err != nil {
		return config.Result{}, err
	}
	return config.Load(file, os.Environ())
}

// sentence is what a person at a terminal reads of an error.
func sentence(err error) string {
	lang := locale.Match(os.Getenv("LANG"))
	var problems config.Problems
	if errors.As(err, &problems) {
		return problems.Sentences(lang)
	}
	if errors.Is(err, store.ErrLocked) {
		return locale.Sentence(lang, "cli.locked", nil)
	}
	var newer store.SchemaTooNew
	if errors.As(err, &newer) {
		return locale.Sentence(lang, "cli.schema_too_new", map[string]any{"have": newer.Have, "know": newer.Know})
	}
	if f, ok := fault.As(err); ok && locale.Has(lang, "errors."+f.Code) {
		return locale.Sentence(lang, "errors."+f.Code, f.Params)
	}
	return err.Error()
}
