package demo

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
)

//go:embed words/*.json
var wordFiles embed.FS

// words are what the shop and its people are called and say, in one language.
type words struct {
	Locale, Zone  string
	Family, Given []string
	GivenFirst    bool `json:"given_first"`
	Cities        []string
	Origin        string
	Attributes    map[string]string
	Tastes        []string
	Teams         map[string]string
	Staff         []struct {
		Name, Mail, Role, Scope string
		Teams                   []string
	}
	Phones     []string
	Products   []product
	Keys, Tags map[string]string
	Consent    string
	Segments   map[string][2]string // name and description
	Journeys   map[string]string
	Flow       map[string]string
	Tasks      [][2]string // title and note
	TaskNotes  []string    `json:"task_notes"` // of the first outcomes, in their order
	Draft      string
	Pages      [][2]string // title and path
	Site       string
	Files      map[string]string // their names
	Receipt    string
	Quoted     string
	Snooze     map[string]string // why something is put aside
	Scripts    []script
	Long       struct {
		Team, Subject, Tag, Opening string
		Rounds                      [][2]string // ours, then theirs
	}
	Open [][2]string // what somebody has just asked, and where
}

type product struct {
	ID, Name string
	Price    int
}

// script is a conversation as it goes.
type script struct {
	Topic, Team, Subject, Tag string
	Lines                     []line
}

// script is the one about a topic.
func (w *words) script(topic string) script {
	return w.Scripts[slices.IndexFunc(w.Scripts, func(s script) bool { return s.Topic == topic })]
}

// line is one message of a script: by the customer, an agent, or as a note, so
// many minutes after the one before.
type line struct {
	By, Text string
	After    int
	File     string
}

const (
	byCustomer = "c"
	byNote     = "n"
)

// UnmarshalJSON reads [by, text, minutes] or [by, text, minutes, file].
func (l *line) UnmarshalJSON(raw []byte) error {
	parts := []any{&l.By, &l.Text, &l.After, &l.File}
	return json.Unmarshal(raw, &parts)
}

func load(language string) (*words, error) {
	raw, err := wordFiles.ReadFile("words/" + language + ".json")
	if err != nil {
		return nil, fmt.Errorf("there are no words in %q", language)
	}
	var w words
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields() // what nobody says is left out
	return &w, d.Decode(&w)
}
