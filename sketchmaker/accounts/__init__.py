"""Who a person is and how they prove it: users, roles, passwords, sign-in sessions.

Words: a *login* is what is typed to sign in (username or e-mail). An *attempt* is one guess at a
password. A *sign-in session* is one browser that is signed in; its *token* is kept by the browser
alone, the database has only its hash.

Owns the tables `users` and `sign_in_sessions`. Knows nothing of plans and
credits (a new account's plan is `sketchmaker.membership`'s) and nothing of HTTP and cookies
(`sketchmaker.web`).
"""
