package inbox

import "github.com/fanward/fanward/internal/auth"

// Owner is who uploaded a file; only they can put it into a message.
type Owner struct{ Kind, Key string }

// Kinds of owner.
const (
	OwnerTeammate = "teammate"
	OwnerToken    = "token"
	OwnerVisitor  = "visitor"
)

// OwnerOf is the owner that p's uploads have.
func OwnerOf(p auth.Principal) Owner {
	if p.Token {
		return Owner{OwnerToken, p.ID.String()}
	}
	return Owner{OwnerTeammate, p.ID.String()}
}
