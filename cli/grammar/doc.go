// Package grammar is the command language of IOS: one declaration of a command
// gives its parser, unique-prefix abbreviation, `?`, Tab, the caret of an
// error, `no` and `default`, and the text of `show running-config` (un-parse).
//
// A Mode holds Commands; a Command has a Syntax, made of Nodes, and either a
// Binding (a configuration line) or a Run (an exec command). Matching steps
// through the tokens of a line once, left to right, without backtracking; at
// each token the best rank wins:
//
//	exact keyword > unique keyword prefix > typed value > WORD > LINE
//
// A Stack holds the open modes of a session and walks up to a parent mode when
// the present one does not know a line; Load does the same for a file, by
// indentation first. Print is the way back. Package grammartest checks every
// command against the laws that hold these together.
//
// The package knows no networking and no particular configuration tree.
package grammar
