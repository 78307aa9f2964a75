package demo

import (
	"embed"
	"encoding/json"
	"fmt"
)

//go:embed words/*.json
var wordFiles embed.FS

// words are what the shop and its people are called and say, in one language.
type words struct {
	Locale, Zone  string
	Family, Given []string
	GivenFirst    bool `json:"given_first"`
	Cities        []string
	Industry      string
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
	StageNotes []string             `json:"stage_notes"`
	Segments   map[string][2]string // name and description
	Journeys   map[string]string
	Flow       map[string]string
	Tasks      [][2]string // title and note
	TaskNotes  []string    `json:"task_notes"`
	Drafts     []string
	Pages      [][2]string // title and path
	Site       string
	Pictures   map[string]string // names of files
	Receipt    string
	Quoted     string
	Merge      string
	Snooze     []string
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
	return &w, json.Unmarshal(raw, &w)
}
