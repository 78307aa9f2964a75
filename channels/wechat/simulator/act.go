package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Action is something that a person does.
type Action struct {
	// Do: follow, unfollow, text, image, location, tap or scan.
	Do   string `json:"do"`
	Text string `json:"text,omitempty"`
	// MediaID is a picture that AddMedia has taken.
	MediaID string `json:"media_id,omitempty"`
	// Lat and Lon in degrees, Label in words.
	Lat   float64 `json:"lat,omitempty"`
	Lon   float64 `json:"lon,omitempty"`
	Label string  `json:"label,omitempty"`
	// Key of the menu entry that is tapped, or its address for one that opens a page.
	Key string `json:"key,omitempty"`
	// Code that is scanned: its ticket, its address or its scene.
	Code string `json:"code,omitempty"`
	// MsgID, when set, is the message's; for tests that repeat one.
	MsgID string `json:"msg_id,omitempty"`
}

// Reasons why a person cannot do something.
var (
	errAction      = errors.New("action_unknown")
	errNotFollowed = errors.New("not_following")
	errFollows     = errors.New("already_following")
	errEmpty       = errors.New("text_empty")
	errNoMedia     = errors.New("no_such_media")
	errNoCode      = errors.New("no_such_code")
	errNoEntry     = errors.New("no_such_menu_entry")
)

// Act lets a person do something; what WeChat tells the account about it is
// pushed in the background. push is the id of that push, "" when there is none.
func (s *Simulator) Act(appID, openID string, do Action) (push string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, p, err := s.find(appID, openID)
	if err != nil {
		return "", err
	}
	if !p.Subscribed && do.Do != "follow" && do.Do != "scan" {
		return "", errNotFollowed
	}
	switch do.Do {
	case "follow":
		if p.Subscribed {
			return "", errFollows
		}
		return s.follow(a, p, "ADD_SCENE_SEARCH", nil), nil
	case "unfollow":
		return s.unfollow(a, p), nil
	case "text":
		if strings.TrimSpace(do.Text) == "" {
			return "", errEmpty
		}
		return s.message(a, p, Line{Kind: "text", Text: do.Text}, do.MsgID, field{"MsgType", "text"}, field{"Content", do.Text}), nil
	case "image":
		m := a.media[do.MediaID]
		if m == nil || m.over(s.now()) {
			return "", errNoMedia
		}
		return s.message(a, p, Line{Kind: "image", MediaID: m.ID}, do.MsgID,
			field{"MsgType", "image"}, field{"PicUrl", s.opts.BaseURL + picturePath + m.ID}, field{"MediaId", m.ID}), nil
	case "location":
		return s.message(a, p, Line{Kind: "location", Text: do.Label}, do.MsgID, field{"MsgType", "location"},
			field{"Location_X", fmt.Sprintf("%.6f", do.Lat)}, field{"Location_Y", fmt.Sprintf("%.6f", do.Lon)}, field{"Scale", "16"}, field{"Label", do.Label}), nil
	case "tap":
		return s.tap(a, p, do.Key)
	case "scan":
		return s.scan(a, p, do.Code)
	}
	return "", errAction
}

// message pushes what a person wrote.
func (s *Simulator) message(a *account, p *person, l Line, id string, fields ...field) string {
	s.grant(p, TriggerMessage)
	if id == "" {
		id = fmt.Sprint(s.next())
	}
	l.From = "person"
	line := s.say(p, l)
	line.Push = s.push(a, p, l.Kind, append(fields, field{"MsgId", id})...)
	return line.Push
}

// event pushes what a person did and shows it as a line between the messages.
func (s *Simulator) event(a *account, p *person, l Line, event, key string, more ...field) string {
	l.From = "platform"
	line := s.say(p, l)
	fields := append([]field{{"MsgType", "event"}, {"Event", event}, {"EventKey", key}}, more...)
	line.Push = s.push(a, p, event, fields...)
	return line.Push
}

func (s *Simulator) follow(a *account, p *person, scene string, by *code) string {
	p.Subscribed, p.Since, p.Scene, p.QRScene = true, s.now(), scene, ""
	s.grant(p, TriggerFollow)
	l := Line{Kind: "follow"}
	if by == nil {
		return s.event(a, p, l, "subscribe", "")
	}
	p.Scene, p.QRScene, l.Text = "ADD_SCENE_QR_CODE", by.Scene, by.Scene
	s.grant(p, TriggerScan)
	return s.event(a, p, l, "subscribe", "qrscene_"+by.Scene, field{"Ticket", by.Ticket})
}

func (s *Simulator) unfollow(a *account, p *person) string {
	p.Subscribed, p.Grants = false, nil
	return s.event(a, p, Line{Kind: "unfollow"}, "unsubscribe", "")
}

func (s *Simulator) scan(a *account, p *person, what string) (string, error) {
	c := a.code(what, s.now())
	if c == nil {
		return "", errNoCode
	}
	if !p.Subscribed {
		return s.follow(a, p, "ADD_SCENE_QR_CODE", c), nil
	}
	s.grant(p, TriggerScan)
	return s.event(a, p, Line{Kind: "scan", Text: c.Scene}, "SCAN", c.Scene, field{"Ticket", c.Ticket}), nil
}

func (s *Simulator) tap(a *account, p *person, key string) (string, error) {
	if a.menu == nil {
		return "", errNoEntry
	}
	b := a.menu.entry(key)
	if b == nil {
		return "", errNoEntry
	}
	l := Line{Kind: "menu", Text: b.Name}
	if b.Type == "view" {
		return s.event(a, p, l, "VIEW", b.URL, field{"MenuId", a.menu.ID}), nil // opens no allowance
	}
	s.grant(p, TriggerMenu)
	return s.event(a, p, l, "CLICK", b.Key), nil
}

// menu is an account's menu at the foot of the chat.
type menu struct {
	ID     string   `json:"-"`
	Button []button `json:"button"`
}

type button struct {
	Type string   `json:"type,omitempty"`
	Name string   `json:"name"`
	Key  string   `json:"key,omitempty"`
	URL  string   `json:"url,omitempty"`
	Sub  []button `json:"sub_button,omitempty"`
}

// SetMenu puts a menu at the foot of an account's chat, as the call menu/create
// does; raw is the call's JSON.
func (s *Simulator) SetMenu(appID string, raw []byte) error {
	m := &menu{}
	if err := json.Unmarshal(raw, m); err != nil {
		return fmt.Errorf("menu_malformed: %w", err)
	}
	if bad := m.check(); bad != nil {
		return fmt.Errorf("menu_refused: %s", bad.Msg)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account(appID)
	if a == nil {
		return ErrNoAccount
	}
	m.ID = fmt.Sprint(s.next())
	a.menu = m
	s.changed()
	return nil
}

// entry is the tappable button of a key or an address.
func (m *menu) entry(key string) *button {
	for i := range m.Button {
		list := m.Button[i].Sub
		if len(list) == 0 {
			list = m.Button[i : i+1]
		}
		for j := range list {
			if b := &list[j]; key != "" && (b.Key == key || b.URL == key) {
				return b
			}
		}
	}
	return nil
}

// check holds a menu to WeChat's sizes.
func (m *menu) check() *apiError {
	if len(m.Button) == 0 || len(m.Button) > 3 {
		return fail(40016)
	}
	for _, top := range m.Button {
		if len(top.Sub) > 5 {
			return fail(40023)
		}
		if top.Name == "" || len(top.Name) > 60 {
			return fail(40018)
		}
		for _, b := range append([]button{top}, top.Sub...) {
			_, err := url.ParseRequestURI(b.URL)
			switch {
			case len(b.Sub) > 0:
			case b.Type == "view" && err != nil:
				return fail(40020)
			case b.Type == "click" && (b.Key == "" || len(b.Key) > 128):
				return fail(40019)
			case b.Type == "":
				return fail(40017)
			}
		}
	}
	return nil
}
