package main

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/testkit"
)

// A customer's mail is answered: from the sandbox's mailbox by SMTP into the
// inbox, and back into the same thread.
func TestMailThroughTheSandbox(t *testing.T) {
	p := testkit.Program(t)
	s := tell(t, p)
	s.box = page(t, p, "mailbox is at")

	s.write(map[string]string{"subject": "订单 1042", "text": "还没收到。"})
	var conversation map[string]any
	testkit.Eventually(t, 10*time.Second, "the mail is in the inbox", func() bool {
		for _, one := range s.list("GET", s.hub+"/api/v1/conversations?view=all", nil, "items") {
			if one["channel"] == "email" {
				conversation = one
			}
		}
		return conversation != nil
	})
	if conversation["subject"] != "订单 1042" || conversation["customer"].(map[string]any)["name"] != "Ming" {
		t.Errorf("%v", conversation)
	}
	messages := s.hub + "/api/v1/conversations/" + conversation["id"].(string) + "/messages"
	s.call("POST", messages, map[string]any{"client_key": "k", "kind": "text", "body": "明天送到。"})
	var answer map[string]any
	testkit.Eventually(t, 10*time.Second, "the answer is in the mailbox", func() bool {
		mails := s.list("GET", s.box+"/api/mailbox", nil, "mails")
		answer = mails[0]
		return len(mails) == 2
	})
	if answer["subject"] != "Re: 订单 1042" || answer["text"] != "明天送到。" || answer["thread"] != s.list("GET", s.box+"/api/mailbox", nil, "mails")[1]["thread"] {
		t.Errorf("%v", answer)
	}
	s.write(map[string]string{"text": "谢谢", "answers": answer["id"].(string), "lang": "zh-CN"})
	testkit.Eventually(t, 10*time.Second, "the answer to the answer is in the same thread", func() bool {
		all := s.list("GET", messages, nil, "items")
		last := all[len(all)-1]
		quoted, _ := last["quoted"].(string)
		return last["body"] == "谢谢" && strings.Contains(quoted, "> 明天送到。")
	})
}

// page is the address of one of the sandbox's pages, as the program names it.
func page(t *testing.T, p *testkit.Process, words string) string {
	t.Helper()
	var named []string
	testkit.Eventually(t, 10*time.Second, words, func() bool {
		named = regexp.MustCompile(words + ` (http://\S+)`).FindStringSubmatch(p.Log())
		return named != nil
	})
	return named[1]
}

// tell begins a story with an owner's token.
func tell(t *testing.T, p *testkit.Process) story {
	t.Helper()
	create := exec.Command(testkit.Binary(t), "token", "create", "--role", "owner", "--name", "test")
	create.Env = []string{"FANWARD_DATA_DIR=" + p.Dir, "PATH=/usr/bin"}
	token, err := create.Output()
	if err != nil {
		t.Fatal(err)
	}
	return story{t: t, hub: p.URL, token: strings.TrimSpace(string(token))}
}

// story calls the hub and the mailbox as their users do.
type story struct {
	t               *testing.T
	hub, box, token string
}

func (s story) write(fields map[string]string) {
	s.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for k, v := range fields {
		_ = w.WriteField(k, v)
	}
	_ = w.Close()
	r, err := http.Post(s.box+"/api/mails", w.FormDataContentType(), &b)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	if body, _ := io.ReadAll(r.Body); r.StatusCode != http.StatusCreated {
		s.t.Fatalf("%d %s", r.StatusCode, body)
	}
}

func (s story) call(method, url string, body any) map[string]any {
	s.t.Helper()
	sent, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequest(method, url, bytes.NewReader(sent))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if strings.HasPrefix(url, s.hub) {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(response.Body).Decode(&out); err != nil || response.StatusCode/100 != 2 {
		s.t.Fatalf("%s %s: %d %v %v", method, url, response.StatusCode, out, err)
	}
	return out
}

func (s story) list(method, url string, body any, key string) (out []map[string]any) {
	s.t.Helper()
	for _, one := range s.call(method, url, body)[key].([]any) {
		out = append(out, one.(map[string]any))
	}
	return out
}
