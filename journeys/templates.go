package journeys

import (
	"github.com/fanward/fanward/journeys/flow"
	"github.com/fanward/fanward/segments/rule"
)

// Template is a journey to begin with.
type Template struct {
	Key           string     `json:"key"`
	NameEN        string     `json:"name_en"`
	NameZH        string     `json:"name_zh"`
	DescriptionEN string     `json:"description_en"`
	DescriptionZH string     `json:"description_zh"`
	Graph         flow.Graph `json:"graph"`
	GraphZH       flow.Graph `json:"graph_zh" doc:"The same with Chinese names and tasks; messages are in the customer's language in both"`
}

// said is a text in both languages.
type said struct{ en, zh string }

func (s said) in(zh bool) string {
	if zh {
		return s.zh
	}
	return s.en
}

// both is a text that speaks the customer's language.
func (s said) both() string {
	return `{% if customer.locale == "zh-CN" or customer.locale == "zh" %}` + s.zh + `{% else %}` + s.en + `{% endif %}`
}

// Templates are the journeys to begin with. What only the company knows (a
// segment, a team) is left open, and Check names it.
func Templates() []Template {
	list := []struct {
		key               string
		name, description said
		graph             func(zh bool) flow.Graph
	}{
		{"invite", said{"Invite to membership", "邀请入会"}, said{
			"Who enters a segment (at least two orders in 30 days, say) is asked on the channel on which they can be reached now and becomes a member; without an answer in two days somebody calls.",
			"客户进入某个人群（例如 30 天内至少两单）后，在当前可触达的渠道上邀请并升为会员；两天内没有回复，则生成致电任务。"}, inviteGraph},
		{"welcome", said{"Welcome a new follower", "欢迎新关注者"}, said{
			"Who follows on WeChat becomes a lead and is asked what they are looking for; who answers is tagged, and the others are asked once more on a later evening.",
			"客户关注公众号后成为潜客，并询问其需求；有回复的打上标签，没有回复的在之后的晚间再问一次。"}, welcomeGraph},
		{"returned", said{"Back after a year", "沉睡一年后归来"}, said{
			"Who was away for a year and signs in again is worth a call: a task, due in 24 hours, for whoever of a team of new salespeople has the fewest.",
			"沉睡一年的客户重新登录，值得一通电话：为新人销售团队中任务最少的成员生成 24 小时内到期的任务。"}, returnedGraph},
		{"lapsed", said{"Win back the lapsed", "挽回流失客户"}, said{
			"Every morning: who has not been seen for 30 days is written to; who does nothing in two weeks counts as lapsed.",
			"每天早上：给 30 天未出现的客户发消息；两周内没有任何回应的，转为流失。"}, lapsedGraph},
	}
	out := make([]Template, len(list))
	for i, t := range list {
		out[i] = Template{Key: t.key, NameEN: t.name.en, NameZH: t.name.zh, DescriptionEN: t.description.en, DescriptionZH: t.description.zh, Graph: t.graph(false), GraphZH: t.graph(true)}
	}
	return out
}

func write(id, name, next, otherwise string, body, subject said, channels ...string) flow.Node {
	m := &flow.MessageStep{Channels: channels, Purpose: "marketing", Body: body.both()}
	if subject.en != "" {
		m.Subject = subject.both()
	}
	return flow.Node{ID: id, Kind: flow.Message, Name: name, Next: next, Else: otherwise, Message: m}
}

func call(id, name string, title, note said, zh bool) flow.Node {
	return flow.Node{ID: id, Kind: flow.Task, Name: name, Task: &flow.TaskStep{Title: title.in(zh), Note: note.in(zh), Due: "24h", Assignee: flow.Assignee{Kind: "least"}}}
}

func reachable(channel, name, next string) flow.Way {
	return flow.Way{Name: name, Next: next, Rule: &rule.Node{Kind: rule.Reachable, Channel: channel, Purpose: rule.Marketing}}
}

func inviteGraph(zh bool) flow.Graph {
	body := said{"Hello{% if customer.name %} {{ customer.name }}{% endif %}, you have ordered with us more than once lately, and we are glad. As a member you get 5% back on everything. Just answer this message, and we set it up.",
		"{{ customer.name }}您好，感谢您近期多次下单！成为会员，每单返 5%。直接回复这条消息，我们就为您办理。"}
	n := func(en, z string) string { return said{en, z}.in(zh) }
	return flow.Graph{
		Trigger: flow.Trigger{Kind: flow.OnSegmentEnter},
		Entry:   flow.Entry{Policy: flow.Once},
		Start:   "pause",
		Nodes: []flow.Node{
			{ID: "pause", Kind: flow.Delay, Name: n("Let the order arrive", "等待订单完成"), Next: "channel", Delay: &flow.DelayStep{For: "1h"}},
			{ID: "channel", Kind: flow.Branch, Name: n("Where can they be reached now?", "当前可触达的渠道"), Else: "call", Ways: []flow.Way{
				reachable("wechat", n("WeChat", "微信"), "ask-wechat"), reachable("email", n("E-mail", "邮件"), "ask-email"), reachable("webchat", n("Web chat", "网页聊天"), "ask-webchat")}},
			write("ask-wechat", n("Invite on WeChat", "微信邀请"), "member", "call", body, said{}, "wechat"),
			write("ask-email", n("Invite by e-mail", "邮件邀请"), "member", "call", body, said{"Become a member", "邀请您成为会员"}, "email"),
			write("ask-webchat", n("Invite in the chat", "网页聊天邀请"), "member", "call", body, said{}, "webchat"),
			{ID: "member", Kind: flow.Stage, Name: n("Becomes a member", "成为会员"), Next: "answer", Stage: &flow.StageStep{To: "member", ForwardOnly: true}},
			{ID: "answer", Kind: flow.Wait, Name: n("An answer within two days", "两天内有回复"), Next: "done", Else: "call", Wait: &flow.WaitStep{Reply: true, For: "2d"}},
			{ID: "done", Kind: flow.Exit, Name: n("They have answered", "已回复")},
			call("call", n("Somebody calls", "安排致电"), said{"Invite {{ customer.label }} to membership", "邀请 {{ customer.label }} 入会"},
				said{"Has ordered several times lately and has not answered our invitation.", "近期多次下单，尚未回复入会邀请。"}, zh),
		},
	}
}

func welcomeGraph(zh bool) flow.Graph {
	n := func(en, z string) string { return said{en, z}.in(zh) }
	again := said{"We are still here if you have a question. What can we help you with?", "您有任何问题都可以直接问我们。有什么可以帮您？"}
	return flow.Graph{
		Trigger: flow.Trigger{Kind: flow.OnEvent, Event: "wechat_followed"},
		Entry:   flow.Entry{Policy: flow.Once, MaxLateness: "1d"},
		Goal:    &flow.Goal{Event: "Order Completed", Within: "30d"},
		Start:   "lead",
		Nodes: []flow.Node{
			{ID: "lead", Kind: flow.Stage, Name: n("Becomes a lead", "成为潜客"), Next: "hello", Stage: &flow.StageStep{To: "lead", ForwardOnly: true}},
			write("hello", n("Hello", "问候"), "answer", "", said{"Thank you for following us! What are you looking for? Just write, a person will answer.", "感谢关注！您想了解什么？直接留言，我们的客服会回复您。"}, said{}, "wechat"),
			{ID: "answer", Kind: flow.Wait, Name: n("An answer within a day", "一天内有回复"), Next: "talks", Else: "evening", Wait: &flow.WaitStep{Reply: true, For: "1d"}},
			{ID: "talks", Kind: flow.TagNode, Name: n("Talks with us", "愿意交流"), Tag: &flow.TagStep{Add: []string{n("talks", "愿意交流")}}},
			{ID: "evening", Kind: flow.Until, Name: n("On a working day's evening", "工作日晚间"), Next: "again", Until: &flow.UntilStep{At: "19:30", Weekdays: []int{1, 2, 3, 4, 5}}},
			write("again", n("Ask once more", "再问一次"), "", "", again, said{}, "wechat"),
		},
	}
}

func returnedGraph(zh bool) flow.Graph {
	n := func(en, z string) string { return said{en, z}.in(zh) }
	const signIn = "Signed In"
	return flow.Graph{
		Trigger: flow.Trigger{Kind: flow.OnEvent, Event: signIn},
		// The sign-in that starts it is the only one of the last year.
		Entry: flow.Entry{Policy: flow.Cooldown, Cooldown: "90d", MaxLateness: "1d", Rule: &rule.Node{Kind: rule.All, Of: []rule.Node{
			{Kind: rule.Attribute, Name: "$created_at", Op: rule.MoreThanAgo, Duration: "365d"},
			{Kind: rule.Events, Name: signIn, Op: rule.AtMost, Value: float64(1), Window: &rule.Window{Last: "365d"}},
		}}},
		Goal:  &flow.Goal{Event: "Order Completed", Within: "30d"},
		Start: "call",
		Nodes: []flow.Node{call("call", n("A new salesperson calls", "新人销售致电"), said{"{{ customer.label }} is back after a year: call today", "{{ customer.label }} 时隔一年重新登录：请今天致电"},
			said{"Away for a year, signed in again just now. Ask what brought them back.", "沉睡一年后刚刚重新登录。问问是什么让客户回来的。"}, zh)},
	}
}

func lapsedGraph(zh bool) flow.Graph {
	n := func(en, z string) string { return said{en, z}.in(zh) }
	return flow.Graph{
		Trigger: flow.Trigger{Kind: flow.OnSchedule, Cron: "0 9 * * *", Audience: &rule.Node{Kind: rule.All, Of: []rule.Node{
			{Kind: rule.Dormant, Duration: "30d"}, {Kind: rule.Stage, Values: []any{"customer", "member", "fan"}},
		}}},
		Entry: flow.Entry{Policy: flow.Cooldown, Cooldown: "90d"},
		// Who is seen again has come back.
		Exit:  &rule.Node{Kind: rule.None, Of: []rule.Node{{Kind: rule.Dormant, Duration: "30d"}}},
		Start: "write",
		Nodes: []flow.Node{
			write("write", n("We miss you", "想念您"), "wait", "", said{"Hello{% if customer.name %} {{ customer.name }}{% endif %}, we have not seen you for a while. Is there anything we can do better? Just answer.", "{{ customer.name }}您好，好久不见。我们有哪里可以做得更好吗？直接回复即可。"},
				said{"We have not seen you for a while", "好久不见"}, "wechat", "email", "webchat"),
			{ID: "wait", Kind: flow.Delay, Name: n("Two weeks", "两周"), Next: "lapsed", Delay: &flow.DelayStep{For: "2w"}},
			{ID: "lapsed", Kind: flow.Stage, Name: n("Counts as lapsed", "转为流失"), Stage: &flow.StageStep{To: "lapsed"}},
		},
	}
}
