// Package conformance holds the test that every statement of the house is valid
// on both engines. It knows every package that has a queries.sql, which the
// store itself must not.
package conformance
