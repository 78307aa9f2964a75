package wechat

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// What a push is about.
const (
	TypeText       = "text"
	TypeImage      = "image"
	TypeVoice      = "voice"
	TypeVideo      = "video"
	TypeShortVideo = "shortvideo"
	TypeLocation   = "location"
	TypeLink       = "link"
	TypeEvent      = "event"
)

// Events, by WeChat's names, whose case matters.
const (
	EventSubscribe   = "subscribe"
	EventUnsubscribe = "unsubscribe"
	EventScan        = "SCAN"
	EventClick       = "CLICK"
	EventView        = "VIEW"
	EventLocation    = "LOCATION"
)

// Push is a message or an event that WeChat has sent us. What it says beyond
// these fields is in Root.
type Push struct {
	// To is the account's original id (gh_…), From the follower's openid.
	To, From string
	// At is when WeChat says it happened, exact to the second; zero if it does not.
	At    time.Time
	Type  string
	MsgID string

	// Content is a text, MenuItem the line of a menu message that was tapped
	// to say it.
	Content, MenuItem string
	Media             *Media
	Place             *Place
	Link              *Link

	// Event, Key and Ticket are an event's.
	Event, Key, Ticket string

	Root *Node
}

// Media is what a picture, a voice message or a film refers to. WeChat keeps
// it for three days.
type Media struct{ ID, ThumbID, Format, URL string }

// Place is where somebody is, in degrees, as WeChat wrote them.
type Place struct {
	Lat, Lon string
	Label    string
}

// Link is a page that somebody has sent.
type Link struct{ Title, Description, URL string }

// ParsePush reads the plain XML of a push. Kinds that are not known are no
// error.
func ParsePush(raw []byte) (*Push, error) {
	root, err := parseXML(raw)
	if err != nil {
		return nil, err
	}
	p := &Push{
		To: root.Get("ToUserName"), From: root.Get("FromUserName"), Type: root.Get("MsgType"), MsgID: root.Get("MsgId"),
		At: seconds(root.Get("CreateTime")), Root: root,
	}
	if p.From == "" || p.Type == "" {
		return nil, errXML
	}
	switch p.Type {
	case TypeText:
		p.Content, p.MenuItem = root.Get("Content"), root.Get("bizmsgmenuid")
	case TypeImage, TypeVoice, TypeVideo, TypeShortVideo:
		p.Media = &Media{ID: root.Get("MediaId"), ThumbID: root.Get("ThumbMediaId"), Format: root.Get("Format"), URL: root.Get("PicUrl")}
	case TypeLocation:
		p.Place = &Place{Lat: root.Get("Location_X"), Lon: root.Get("Location_Y"), Label: root.Get("Label")}
	case TypeLink:
		p.Link = &Link{Title: root.Get("Title"), Description: root.Get("Description"), URL: root.Get("Url")}
	case TypeEvent:
		p.event(root)
	}
	return p, nil
}

func (p *Push) event(root *Node) {
	p.Event, p.Key, p.Ticket = root.Get("Event"), root.Get("EventKey"), root.Get("Ticket")
	if p.MsgID == "" {
		p.MsgID = root.Get("MsgID") // events about messages we have sent spell it so
	}
	switch p.Event {
	case EventLocation:
		p.Place = &Place{Lat: root.Get("Latitude"), Lon: root.Get("Longitude")}
	case "location_select":
		sent := root.Child("SendLocationInfo")
		p.Place = &Place{Lat: sent.Get("Location_X"), Lon: sent.Get("Location_Y"), Label: sent.Get("Label")}
	case "user_info_modified", "user_authorization_revoke", "user_authorization_cancellation":
		// These come from the platform and name the person apart.
		if id := root.Get("OpenID"); id != "" {
			p.From = id
		}
	}
}

// seconds reads a Unix time. What is no such time is none.
func seconds(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || n > 1<<40 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// DedupeKey is the same for every delivery of a push and for no other push of
// the account: MsgId for messages; sender, time, event and its key for events,
// since two events in one second are legal.
func (p *Push) DedupeKey() string {
	if p.Type != TypeEvent && p.MsgID != "" {
		return "m:" + p.From + ":" + p.MsgID
	}
	parts := []string{p.Root.Get("CreateTime"), p.Type, p.Event, p.Key, p.MsgID}
	if p.Type != TypeEvent {
		parts = append(parts, p.Content)
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "e:" + p.From + ":" + hex.EncodeToString(sum[:16])
}

// Scene is what the QR code that was scanned stands for, "" when none was.
func (p *Push) Scene() string {
	switch p.Event {
	case EventSubscribe:
		return strings.TrimPrefix(p.Key, "qrscene_")
	case EventScan:
		return p.Key
	}
	return ""
}

// envelope is the body of an encrypted push.
type envelope struct{ to, encrypted string }

func parseEnvelope(raw []byte) (envelope, error) {
	root, err := parseXML(raw)
	if err != nil {
		return envelope{}, err
	}
	e := envelope{to: root.Get("ToUserName"), encrypted: strings.TrimSpace(root.Get("Encrypt"))}
	if e.encrypted == "" {
		return envelope{}, errXML
	}
	return e, nil
}
