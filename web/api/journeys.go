package api

import (
	"context"
	"maps"
	"net/http"
	"reflect"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/journeys"
	"github.com/fanward/fanward/journeys/flow"
)

func init() {
	maps.Copy(names, map[reflect.Type]string{
		reflect.TypeFor[flow.Graph]():           "JourneyGraph",
		reflect.TypeFor[flow.Node]():            "JourneyNode",
		reflect.TypeFor[flow.Trigger]():         "JourneyTrigger",
		reflect.TypeFor[flow.Entry]():           "JourneyEntry",
		reflect.TypeFor[flow.Goal]():            "JourneyGoal",
		reflect.TypeFor[flow.Way]():             "JourneyWay",
		reflect.TypeFor[flow.Assignee]():        "TaskAssignee",
		reflect.TypeFor[flow.Problem]():         "JourneyProblem",
		reflect.TypeFor[journeys.Summary]():     "JourneySummary",
		reflect.TypeFor[journeys.Template]():    "JourneyTemplate",
		reflect.TypeFor[journeys.NodeCount]():   "JourneyNodeCount",
		reflect.TypeFor[journeys.Step]():        "EnrollmentStep",
		reflect.TypeFor[journeys.Passage]():     "EnrollmentPassage",
		reflect.TypeFor[journeys.Why]():         "JourneyWhy",
		reflect.TypeFor[journeys.Reason]():      "JourneyReason",
		reflect.TypeFor[journeys.Trial]():       "JourneyTrial",
		reflect.TypeFor[journeys.TrialStep]():   "JourneyTrialStep",
		reflect.TypeFor[journeys.TrialTask]():   "JourneyTrialTask",
		reflect.TypeFor[journeys.TrialWait]():   "JourneyTrialWait",
		reflect.TypeFor[journeys.TrialEnd]():    "JourneyTrialEnd",
		reflect.TypeFor[journeys.Move]():        "JourneyTrialMove",
		reflect.TypeFor[journeys.MoveEvent]():   "JourneyTrialEvent",
		reflect.TypeFor[journeys.PreviewText](): "MessagePreview",
	})
}

type newJourney struct {
	Name  string      `json:"name"`
	Graph *flow.Graph `json:"graph,omitempty" doc:"An empty one when absent"`
}

type journeyDraft struct {
	Name         string     `json:"name"`
	Graph        flow.Graph `json:"graph" doc:"May be full of problems as long as it is not published"`
	DraftVersion int64      `json:"draft_version" doc:"Of the journey that was changed; another one now: 409 journey_changed"`
}

type graphToCheck struct {
	Graph flow.Graph `json:"graph"`
}

type journeyProblems struct {
	Problems []flow.Problem `json:"problems"`
}

type publishing struct {
	People       string `json:"people" enum:"follow,finish_old,exit" doc:"What becomes of those who are on the way"`
	DraftVersion int64  `json:"draft_version,omitempty" minimum:"1" doc:"Of the draft that is meant; another one now: 409 journey_changed. When absent, whatever is stored is published"`
}

func (s *Server) addJourneys() {
	path := root + "/journeys"
	one := path + "/{id}"
	add(s, operation{
		id: "listJourneys", method: http.MethodGet, path: path, tag: "journeys", access: needs(auth.JourneysRead), summary: "Journeys, last changed first",
	}, func(ctx context.Context, _ *struct{}) (*answer[items[*journeys.Summary]], error) {
		return all(s.o.Journeys.List(ctx))
	})
	add(s, operation{
		id: "listJourneyTemplates", method: http.MethodGet, path: root + "/journey-templates", tag: "journeys", access: needs(auth.JourneysRead), summary: "Journeys to begin with",
	}, func(context.Context, *struct{}) (*answer[items[journeys.Template]], error) {
		return all(journeys.Templates(), nil)
	})
	add(s, operation{
		id: "createJourney", method: http.MethodPost, path: path, tag: "journeys", access: needs(auth.JourneysManage), status: http.StatusCreated, summary: "Make a draft",
	}, func(ctx context.Context, in *struct {
		Body newJourney `nameHint:"NewJourney"`
	}) (*answer[*journeys.Journey], error) {
		g := flow.Graph{Trigger: flow.Trigger{Kind: flow.OnEvent}, Entry: flow.Entry{Policy: flow.Once}}
		if in.Body.Graph != nil {
			g = *in.Body.Graph
		}
		return answered(s.o.Journeys.Create(ctx, principal(ctx), in.Body.Name, g))
	})
	add(s, operation{
		id: "getJourney", method: http.MethodGet, path: one, tag: "journeys", access: needs(auth.JourneysRead), summary: "One journey with its graphs and what is wrong with the draft",
	}, func(ctx context.Context, in *ByID) (*answer[*journeys.Journey], error) {
		return answered(s.o.Journeys.Get(ctx, in.ID.ID))
	})
	add(s, operation{
		id: "saveJourney", method: http.MethodPut, path: one, tag: "journeys", access: needs(auth.JourneysManage), errors: []int{http.StatusConflict},
		summary: "Save name and draft", description: "What is live stays as it is until the draft is published.",
	}, func(ctx context.Context, in *struct {
		ByID
		Body journeyDraft `nameHint:"JourneyDraft"`
	}) (*answer[*journeys.Journey], error) {
		return answered(s.o.Journeys.Save(ctx, principal(ctx), in.ID.ID, in.Body.Name, in.Body.Graph, in.Body.DraftVersion))
	})
	add(s, operation{
		id: "deleteJourney", method: http.MethodDelete, path: one, tag: "journeys", access: needs(auth.JourneysManage), status: http.StatusNoContent, errors: []int{http.StatusConflict},
		summary: "Delete a draft that was never published, or a stopped journey with all it knows", description: "Others: 409 journey_state.",
	}, func(ctx context.Context, in *ByID) (*nothing, error) {
		return nil, s.o.Journeys.Delete(ctx, principal(ctx), in.ID.ID)
	})
	add(s, operation{
		id: "checkJourney", method: http.MethodPost, path: one + "/check", tag: "journeys", access: needs(auth.JourneysRead), summary: "What is wrong with a graph",
	}, func(ctx context.Context, in *struct {
		ByID
		Body graphToCheck `nameHint:"JourneyGraphToCheck"`
	}) (*answer[journeyProblems], error) {
		problems, err := s.o.Journeys.Check(ctx, in.Body.Graph)
		return answered(journeyProblems{problems}, err)
	})
	s.addJourneyStates(one)
	s.addJourneyPeople(one)
	s.addJourneyTrials(one)
}

func (s *Server) addJourneyStates(one string) {
	add(s, operation{
		id: "publishJourney", method: http.MethodPost, path: one + "/publish", tag: "journeys", access: needs(auth.JourneysManage), errors: []int{http.StatusConflict},
		summary: "Make the draft the live version",
		description: "A draft with errors: 422 journey_unfit, with each at nodes.<id>.<field>. People on the way follow into the new version from where they stand (what they wait for counts from when they began to; " +
			"of a step that is gone they go on to the next one, and leave when there are several; nobody is sent again what they have had), finish the version they are in, or leave.",
	}, func(ctx context.Context, in *struct {
		ByID
		Body publishing `nameHint:"PublishJourney"`
	}) (*answer[*journeys.Journey], error) {
		return answered(s.o.Journeys.Publish(ctx, principal(ctx), in.ID.ID, in.Body.People, in.Body.DraftVersion))
	})
	for _, act := range []struct {
		name, summary, description string
		do                         func(context.Context, auth.Principal, ids.ID) (*journeys.Journey, error)
	}{
		{"pause", "Let nobody move or enter", "What happens meanwhile is kept and acted upon when the journey goes on; exits and goals still count.", s.o.Journeys.Pause},
		{"resume", "Let a paused journey go on", "", s.o.Journeys.Resume},
		{"stop", "End a journey", "Nobody enters any more, and everybody on the way leaves. Publishing it again begins anew.", s.o.Journeys.Stop},
	} {
		add(s, operation{
			id: act.name + "Journey", method: http.MethodPost, path: one + "/" + act.name, tag: "journeys", access: needs(auth.JourneysManage), errors: []int{http.StatusConflict},
			summary: act.summary, description: act.description,
		}, func(ctx context.Context, in *ByID) (*answer[*journeys.Journey], error) {
			return answered(act.do(ctx, principal(ctx), in.ID.ID))
		})
	}
}

type listEnrollmentsInput struct {
	ByID
	State      string  `query:"state" enum:"active,completed,exited,goal,failed"`
	Node       string  `query:"node" doc:"Who is there now; with outcome, who has passed it so"`
	Outcome    string  `query:"outcome" doc:"Needs node"`
	CustomerID idParam `query:"customer_id"`
	PageInput
}

func (s *Server) addJourneyPeople(one string) {
	add(s, operation{
		id: "listJourneyNodes", method: http.MethodGet, path: one + "/nodes", tag: "journeys", access: needs(auth.JourneysRead), summary: "How many people stand at each step and have passed it",
	}, func(ctx context.Context, in *ByID) (*answer[items[*journeys.NodeCount]], error) {
		return all(s.o.Journeys.Nodes(ctx, in.ID.ID))
	})
	add(s, operation{
		id: "listEnrollments", method: http.MethodGet, path: one + "/enrollments", tag: "journeys", access: needs(auth.JourneysRead),
		summary: "Who has entered a journey, the latest first", description: "Asks for customers.read, too.",
	}, s.listEnrollments)
	add(s, operation{
		id: "getEnrollment", method: http.MethodGet, path: one + "/enrollments/{enrollment_id}", tag: "journeys", access: needs(auth.JourneysRead),
		summary: "One person's way through a journey", description: "Asks for customers.read, too.",
	}, func(ctx context.Context, in *struct {
		ByID
		EnrollmentID idParam `path:"enrollment_id"`
	}) (*answer[*journeys.Passage], error) {
		if err := principal(ctx).Require(auth.CustomersRead); err != nil {
			return nil, err
		}
		return answered(s.o.Journeys.Enrollment(ctx, in.ID.ID, in.EnrollmentID.ID))
	})
	add(s, operation{
		id: "explainJourney", method: http.MethodGet, path: one + "/why/{customer_id}", tag: "journeys", access: needs(auth.JourneysRead),
		summary:     "Why somebody has entered a journey, or has not",
		description: "Codes: not_live {state}, never_triggered; what keeps them from entering now: entry_inside, entry_once {at}, entry_cooldown {until}, entry_too_often {max} within an hour, entry_rule, entry_exit_rule; and the same as last_… with late {at} and imported for what kept them out the last time {refused_at, times}. Asks for customers.read, too.",
	}, func(ctx context.Context, in *struct {
		ByID
		CustomerID idParam `path:"customer_id"`
	}) (*answer[*journeys.Why], error) {
		if err := principal(ctx).Require(auth.CustomersRead); err != nil {
			return nil, err
		}
		return answered(s.o.Journeys.Why(ctx, in.ID.ID, in.CustomerID.ID))
	})
}

func (s *Server) listEnrollments(ctx context.Context, in *listEnrollmentsInput) (*answer[Page[*journeys.Enrollment]], error) {
	const kind = "enrollments"
	if err := principal(ctx).Require(auth.CustomersRead); err != nil {
		return nil, err
	}
	if in.Outcome != "" && in.Node == "" {
		return nil, fault.AtField("node", "required", nil)
	}
	at, err := decodeCursor[idPlace](kind, in.Cursor)
	if err != nil {
		return nil, err
	}
	if err := s.o.Journeys.Exists(ctx, in.ID.ID); err != nil {
		return nil, err
	}
	f := journeys.Filter{Journey: in.ID.ID, Customer: in.CustomerID.ID, State: in.State, Node: in.Node, Outcome: in.Outcome, Before: at.ID, Limit: in.Limit + 1}
	list, err := s.o.Journeys.Enrollments(ctx, f)
	if err != nil {
		return nil, err
	}
	return counted(paged(list, in.Limit, kind, func(e *journeys.Enrollment) idPlace { return idPlace{e.ID} }), in.PageInput,
		func() (int64, error) { return s.o.Journeys.Count(ctx, f) })
}

type trialRequest struct {
	CustomerID ids.ID          `json:"customer_id"`
	Graph      flow.Graph      `json:"graph"`
	Moves      []journeys.Move `json:"moves,omitempty"`
}

type previewRequest struct {
	CustomerID ids.ID           `json:"customer_id"`
	Message    flow.MessageStep `json:"message"`
}

func (s *Server) addJourneyTrials(one string) {
	add(s, operation{
		id: "tryJourney", method: http.MethodPost, path: one + "/test", tag: "journeys", access: needs(auth.JourneysManage),
		summary: "Take a person through a graph with a clock of its own", description: "Nothing is sent, made or changed. Asks for customers.read, too.",
	}, func(ctx context.Context, in *struct {
		ByID
		Body trialRequest `nameHint:"TryJourney"`
	}) (*answer[*journeys.Trial], error) {
		if err := principal(ctx).Require(auth.CustomersRead); err != nil {
			return nil, err
		}
		return answered(s.o.Journeys.Try(ctx, principal(ctx), in.ID.ID, in.Body.CustomerID, in.Body.Graph, in.Body.Moves))
	})
	add(s, operation{
		id: "previewMessage", method: http.MethodPost, path: one + "/preview", tag: "journeys", access: needs(auth.JourneysRead),
		summary: "A message as one person would get it now", description: "event is the newest of theirs that starts the journey. Asks for customers.read, too.",
	}, func(ctx context.Context, in *struct {
		ByID
		Body previewRequest `nameHint:"PreviewMessage"`
	}) (*answer[*journeys.PreviewText], error) {
		if err := principal(ctx).Require(auth.CustomersRead); err != nil {
			return nil, err
		}
		return answered(s.o.Journeys.Preview(ctx, in.ID.ID, in.Body.CustomerID, in.Body.Message))
	})
}
