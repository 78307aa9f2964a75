package simulator

import (
	"encoding/xml"
	"strings"

	"github.com/silenceper/wechat/v2/util"
)

// answerXML is what an account may answer instead of "success".
type answerXML struct {
	XMLName xml.Name `xml:"xml"`
	MsgType string
	Content string
	Image   struct {
		MediaID string `xml:"MediaId"`
	}
	Encrypt      string
	MsgSignature string
	TimeStamp    string
	Nonce        string
}

// judge says what WeChat makes of an answer with status 200. "success" and
// nothing are never encrypted; a message is, where the mode is safe.
func judge(a Account, answer string) (verdict string, reply *Sent) {
	switch strings.TrimSpace(answer) {
	case "success":
		return Acknowledged, nil
	case "":
		return Empty, nil
	}
	var x answerXML
	if err := xml.Unmarshal([]byte(answer), &x); err != nil {
		return Nonsense, nil
	}
	if a.Mode == Safe || x.Encrypt != "" {
		if x.MsgSignature == "" || x.MsgSignature != util.Signature(a.Token, x.TimeStamp, x.Nonce, x.Encrypt) {
			return Nonsense, nil
		}
		_, plain, err := util.DecryptMsg(a.AppID, x.Encrypt, a.AESKey)
		if err != nil && a.PreviousAESKey != "" {
			_, plain, err = util.DecryptMsg(a.AppID, x.Encrypt, a.PreviousAESKey)
		}
		x = answerXML{}
		if err != nil || xml.Unmarshal(plain, &x) != nil {
			return Nonsense, nil
		}
	}
	switch {
	case x.MsgType == "text" && x.Content != "":
		return Replied, &Sent{Kind: "text", Text: x.Content}
	case x.MsgType == "image" && x.Image.MediaID != "":
		return Replied, &Sent{Kind: "image", MediaID: x.Image.MediaID}
	}
	return Nonsense, nil
}
