package simulator

import (
	"fmt"
	"strings"
	"time"
)

const (
	typingShown = 15 * time.Second
	typingAfter = 30 * time.Second // of something the person did
)

// customMessage is the body of a customer message.
type customMessage struct {
	ToUser  string                   `json:"touser"`
	MsgType string                   `json:"msgtype"`
	Text    struct{ Content string } `json:"text"`
	Image   struct {
		MediaID string `json:"media_id"`
	} `json:"image"`
	Menu *struct {
		Head string                         `json:"head_content"`
		List []struct{ ID, Content string } `json:"list"`
		Tail string                         `json:"tail_content"`
	} `json:"msgmenu"`
}

// content checks what a message says.
func (m customMessage) content(a *account, now time.Time) (Sent, *apiError) {
	sent := Sent{Kind: m.MsgType}
	switch m.MsgType {
	case "text":
		if strings.TrimSpace(m.Text.Content) == "" {
			return sent, fail(44004)
		}
		if len(m.Text.Content) > textBytes {
			return sent, fail(45002)
		}
		sent.Text = m.Text.Content
	case "image":
		f := a.media[m.Image.MediaID]
		if f == nil || f.over(now) || f.Kind != "image" {
			return sent, fail(40007)
		}
		sent.MediaID = f.ID
	case "msgmenu":
		if m.Menu == nil || len(m.Menu.List) == 0 {
			return sent, fail(44004)
		}
		lines := []string{m.Menu.Head}
		for _, l := range m.Menu.List {
			lines = append(lines, "· "+l.Content)
		}
		sent.Kind, sent.Text = "text", strings.TrimSpace(strings.Join(append(lines, m.Menu.Tail), "\n"))
	default:
		return sent, fail(40008)
	}
	return sent, nil
}

func (s *Simulator) customSend(c *call) any {
	var m customMessage
	if err := c.read(&m); err != nil {
		return err
	}
	p := s.person(c.account, m.ToUser)
	now := s.now()
	switch {
	case p == nil:
		return fail(40003)
	case !p.Subscribed:
		return fail(43004)
	case p.Blocked:
		return fail(48002)
	}
	use, open := p.usable(now)
	switch {
	case use == nil && open:
		return fail(45047)
	case use == nil:
		return fail(45015)
	}
	sent, refusal := m.content(c.account, now)
	if refusal != nil {
		return refusal
	}
	sent.OpenID = p.OpenID
	if use.Left > 0 {
		use.Left--
	}
	sent.ID, sent.At = fmt.Sprint(s.next()), now
	c.account.sent = append(c.account.sent, sent)
	p.Typing = time.Time{}
	s.say(p, Line{From: "account", Kind: sent.Kind, Text: sent.Text, MediaID: sent.MediaID})
	return done
}

func (s *Simulator) customTyping(c *call) any {
	var m struct {
		ToUser  string `json:"touser"`
		Command string `json:"command"`
	}
	if err := c.read(&m); err != nil {
		return err
	}
	p := s.person(c.account, m.ToUser)
	if p == nil {
		return fail(40003)
	}
	now := s.now()
	switch m.Command {
	case "CancelTyping":
		p.Typing = time.Time{}
	case "Typing":
		recent := false
		for _, l := range p.Chat {
			recent = recent || now.Sub(l.At) <= typingAfter
		}
		if !recent {
			return &apiError{Code: 45081, Msg: "you did not have any dialog with the user in the past 30 seconds"}
		}
		p.Typing = now.Add(typingShown)
	default:
		return fail(45072)
	}
	s.changed()
	return done
}

func (s *Simulator) userInfo(c *call) any {
	p := s.person(c.account, c.r.URL.Query().Get("openid"))
	if p == nil {
		return fail(40003)
	}
	if !p.Subscribed {
		return map[string]any{"subscribe": 0, "openid": p.OpenID}
	}
	out := map[string]any{
		"subscribe": 1, "openid": p.OpenID, "nickname": "", "sex": 0, "language": "", "city": "", "province": "", "country": "", "headimgurl": "",
		"subscribe_time": p.Since.Unix(), "remark": "", "groupid": 0, "tagid_list": []int{}, "subscribe_scene": p.Scene, "qr_scene": 0, "qr_scene_str": p.QRScene,
	}
	if p.UnionID != "" {
		out["unionid"] = p.UnionID
	}
	return out
}

func (s *Simulator) callbackIP(*call) any { return map[string]any{"ip_list": []string{"127.0.0.1"}} }

func (s *Simulator) createMenu(c *call) any {
	m := &menu{}
	if err := c.read(m); err != nil {
		return err
	}
	if err := m.check(); err != nil {
		return err
	}
	m.ID = fmt.Sprint(s.next())
	c.account.menu = m
	s.changed()
	return done
}

func (s *Simulator) getMenu(c *call) any {
	if c.account.menu == nil {
		return fail(46003)
	}
	return map[string]any{"menu": map[string]any{"button": c.account.menu.Button}}
}

func (s *Simulator) deleteMenu(c *call) any {
	c.account.menu = nil
	s.changed()
	return done
}
