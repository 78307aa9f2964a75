package wechat

import (
	"testing"

	"github.com/silenceper/wechat/v2/util"
)

// The platform's published example of a JS-SDK signature. Pages inside WeChat
// are signed by the library, so this holds the library.
func TestJSSDKVector(t *testing.T) {
	got := util.Signature("jsapi_ticket=sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg" +
		"&noncestr=Wm3WZYTPz0wzccnW&timestamp=1414587457&url=http://mp.weixin.qq.com?params=value")
	if want := "0f9de62fce790f9a083d5c99e95740ceb90c27ed"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
