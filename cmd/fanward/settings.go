package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fanward/fanward/internal/backup"
	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/locale"
	"github.com/fanward/fanward/internal/seal"
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
func sentence(err error) string { return sentenceIn(terminalLanguage(), err) }

func sentenceIn(lang string, err error) string {
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
	if text, ok := keySentence(lang, err); ok {
		return text
	}
	if text, ok := archiveSentence(lang, err); ok {
		return text
	}
	if f, ok := fault.As(err); ok && locale.Has(lang, "errors."+f.Code) {
		return faultSentence(lang, f)
	}
	return err.Error()
}

// keySentence speaks of the secret key.
func keySentence(lang string, err error) (string, bool) {
	var exposed seal.ExposedKey
	var bad seal.BadKey
	var other otherKey
	switch {
	case errors.As(err, &exposed):
		return locale.Sentence(lang, "cli.key.exposed", map[string]any{"path": exposed.Path, "mode": fmt.Sprintf("%04o", exposed.Mode)}), true
	case errors.As(err, &bad):
		return locale.Sentence(lang, "cli.key.bad", map[string]any{"path": bad.Path}), true
	case errors.As(err, &other):
		return locale.Sentence(lang, "cli.key.other", map[string]any{"have": other.have, "want": other.want}), true
	}
	return "", false
}

// faultSentence names each field at fault, as flags are named alike.
func faultSentence(lang string, f *fault.Error) string {
	if len(f.Fields) == 0 {
		return locale.Sentence(lang, "errors."+f.Code, f.Params)
	}
	lines := make([]string, len(f.Fields))
	for i, x := range f.Fields {
		lines[i] = x.Field + ": " + locale.Sentence(lang, "errors."+x.Code, x.Params)
	}
	return strings.Join(lines, "\n")
}

// archiveSentence speaks of backups.
func archiveSentence(lang string, err error) (string, bool) {
	var key wantsKey
	var none noInstallation
	switch {
	case errors.As(err, &key):
		return locale.Sentence(lang, "cli.restore.wants_key", map[string]any{"want": key.want}), true
	case errors.As(err, &none):
		return locale.Sentence(lang, "cli.backup.nothing", map[string]any{"dir": none.dir}), true
	case errors.Is(err, errNotQuiet):
		return locale.Sentence(lang, "cli.restore.not_quiet", nil), true
	case errors.Is(err, backup.ErrNotEmpty):
		return locale.Sentence(lang, "cli.restore.not_empty", nil), true
	case errors.Is(err, backup.ErrInUse):
		return locale.Sentence(lang, "cli.restore.in_use", nil), true
	case errors.Is(err, backup.ErrFormat):
		return locale.Sentence(lang, "cli.restore.format", nil), true
	case errors.Is(err, backup.ErrDamaged):
		return locale.Sentence(lang, "cli.restore.damaged", map[string]any{"reason": err.Error()}), true
	}
	return "", false
}
