package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

// Teammate is anyone on staff.
type Teammate struct {
	ID           ids.ID     `json:"id"`
	Name         string     `json:"name"`
	Email        string     `json:"email"`
	Role         Role       `json:"role" enum:"owner,admin,manager,agent,marketer,viewer"`
	Locale       string     `json:"locale" enum:"en,zh-CN"`
	Theme        string     `json:"theme" enum:"system,light,dark"`
	Availability string     `json:"availability" enum:"available,away"`
	Scope        Scope      `json:"scope" enum:"all,team,assigned"`
	AccountIDs   []ids.ID   `json:"account_ids" doc:"Visible channel accounts; empty: all"`
	TeamIDs      []ids.ID   `json:"team_ids"`
	Disabled     bool       `json:"disabled"`
	CreatedAt    time.Time  `json:"created_at"`
	LastSeenAt   *time.Time `json:"last_seen_at"`

	HasPassword   bool  `json:"-"`
	RightsVersion int64 `json:"-"`

	passwordHash string
	disabledAt   int64
}

// principal is the teammate as somebody who acts.
func (t *Teammate) principal() Principal {
	return Principal{
		ID: t.ID, Name: t.Name, Email: t.Email, Role: t.Role, Scope: t.Scope,
		AccountIDs: t.AccountIDs, TeamIDs: t.TeamIDs, RightsVersion: t.RightsVersion,
	}
}

func object(kind string, id ids.ID) string { return kind + "/" + id.String() }

func scanTeammate(r store.Row) (*Teammate, error) {
	var t Teammate
	var accounts string
	var seen, created int64
	if err := r.Scan(&t.ID, &t.Email, &t.Name, &t.Role, &t.passwordHash, &t.Locale, &t.Theme, &t.Availability, &t.Scope,
		&accounts, &t.RightsVersion, &t.disabledAt, &seen, &created); err != nil {
		return nil, err
	}
	t.AccountIDs, t.TeamIDs = []ids.ID{}, []ids.ID{}
	if err := json.Unmarshal([]byte(accounts), &t.AccountIDs); err != nil {
		return nil, fmt.Errorf("the accounts of teammate %s: %w", t.ID, err)
	}
	t.CreatedAt, t.Disabled, t.HasPassword = clock.FromMillis(created), t.disabledAt > 0, t.passwordHash != ""
	if seen > 0 {
		at := clock.FromMillis(seen)
		t.LastSeenAt = &at
	}
	return &t, nil
}

// oneTeammate reads a teammate with its teams; not_found when there is none.
func oneTeammate(q store.Querier, query string, arg any) (*Teammate, error) {
	t, err := scanTeammate(q.QueryRow(queries.Get(query), arg))
	if errors.Is(err, store.ErrNoRows) {
		return nil, fault.Missing("teammate")
	}
	if err != nil {
		return nil, err
	}
	t.TeamIDs, err = idList(q, "teams-of", int64(t.ID))
	return t, err
}

func idList(q store.Querier, query string, args ...any) ([]ids.ID, error) {
	rows, err := q.Query(queries.Get(query), args...)
	out, err := store.Collect(rows, err, func(r store.Row) (id ids.ID, err error) { return id, r.Scan(&id) })
	if out == nil {
		out = []ids.ID{}
	}
	return out, err
}

// save writes everything but the last visit, and tells of it. With rights, what
// the teammate may do or see has changed, and open sockets notice.
func (s *Service) save(tx *store.Tx, t *Teammate, rights bool) error {
	if rights {
		t.RightsVersion++
	}
	accounts, err := json.Marshal(t.AccountIDs)
	if err != nil {
		return fmt.Errorf("accounts of teammate %s: %w", t.ID, err)
	}
	_, err = tx.Exec(queries.Get("update-teammate"), t.Email, t.Name, string(t.Role), t.passwordHash, t.Locale, t.Theme, t.Availability,
		string(t.Scope), string(accounts), t.RightsVersion, t.disabledAt, clock.Millis(s.o.Clock.Now()), int64(t.ID))
	if err != nil {
		return err
	}
	return s.tellTeammate(tx, t)
}

func (s *Service) tellTeammate(tx *store.Tx, t *Teammate) error {
	return s.tell(tx, "teammate", t.ID, struct {
		Teammate *Teammate `json:"teammate"`
		Rights   int64     `json:"rights_version"`
	}{t, t.RightsVersion})
}

const (
	maxName  = 80
	maxEmail = 254
)

// cleanName is a person's or team's name without marks that would reverse the
// text around it.
func cleanName(name string) (string, error) {
	name = text.CleanLine(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, name))
	if !strings.ContainsFunc(name, visible) {
		return "", fault.AtField("name", "required", nil)
	}
	if text.Length(name) > maxName {
		return "", fault.AtField("name", "too_long", fault.Params{"max": maxName})
	}
	return name, nil
}

func visible(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) }

// foldEmail is the form in which addresses are stored and compared.
func foldEmail(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

func cleanEmail(email string) (string, error) {
	email = foldEmail(email)
	if email == "" {
		return "", fault.AtField("email", "required", nil)
	}
	a, err := mail.ParseAddress(email)
	if err != nil || a.Address != email || a.Name != "" || len(email) > maxEmail || strings.ContainsAny(email, " \"<>") {
		return "", fault.AtField("email", "invalid_email", nil)
	}
	return email, nil
}

// oneOf refuses a value that is not a choice.
func oneOf[T ~string](field string, value T, choices ...T) error {
	if slices.Contains(choices, value) {
		return nil
	}
	names := make([]string, len(choices))
	for i, c := range choices {
		names[i] = string(c)
	}
	return fault.AtField(field, "invalid_value", fault.Params{"choices": strings.Join(names, ", ")})
}

func checkRole(r Role) error   { return oneOf("role", r, Roles...) }
func checkScope(v Scope) error { return oneOf("scope", v, ScopeAll, ScopeTeam, ScopeAssigned) }
func checkLocale(v string) error {
	return oneOf("locale", v, "en", "zh-CN")
}

// uniqueIDs sorts and drops repeats; zero ids are refused.
func uniqueIDs(field string, list []ids.ID) ([]ids.ID, error) {
	out := append([]ids.ID{}, list...)
	slices.Sort(out)
	out = slices.Compact(out)
	if len(out) > 0 && out[0] <= 0 {
		return nil, fault.AtField(field, "invalid_id", nil)
	}
	return out, nil
}
