package simulator_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fanward/fanward/channels/wechat/simulator"
)

// A platform that is started again knows its people, what they have said and
// what they allowed.
func TestStartedAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "phones.json")
	first := newStage(t, nil)
	first.must(first.sim.Persist(simulator.File(file)))
	first.done(simulator.Action{Do: "follow"})
	first.done(simulator.Action{Do: "text", Text: "hi"})
	first.must(first.sim.SetMenu(app, []byte(`{"button":[{"type":"click","name":"a","key":"k"}]}`)))
	id, err := first.sim.AddMedia(app, picture(t))
	first.must(err)
	token := first.token()
	if got := first.text(first.ming, "answer"); got != 0 {
		t.Fatal(got)
	}
	kinds, last := first.chat()
	first.sim.Close()

	second := newStage(t, nil)
	second.must(second.sim.Persist(simulator.File(file)))
	if openID, err := second.sim.AddPerson(app, "Ming"); err != simulator.ErrNameTaken || openID != first.ming {
		t.Errorf("%s %v", openID, err)
	}
	if again, words := second.chat(); len(again) != len(kinds) || words != last {
		t.Errorf("the phone shows %v %q instead of %v %q", again, words, kinds, last)
	}
	if a := second.allowance(); a.Left != 7 {
		t.Errorf("%+v", a)
	}
	if got := second.api("GET", "/cgi-bin/getcallbackip", token, "")["errcode"]; got != nil {
		t.Errorf("the token is not known: %v", got)
	}
	second.done(simulator.Action{Do: "image", MediaID: id})
	second.done(simulator.Action{Do: "tap", Key: "k"})
	if n := len(second.sim.Pushes(app)); n != 4 {
		t.Errorf("%d pushes", n)
	}

	second.must(os.WriteFile(file+"2", []byte("{"), 0o600))
	if err := second.sim.Persist(simulator.File(file + "2")); err == nil {
		t.Error("a file that is broken is taken")
	}
}
