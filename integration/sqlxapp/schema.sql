-- The stories site: few writes, very many reads.

CREATE TABLE users (
	id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name       text NOT NULL UNIQUE,
	bio        text NOT NULL DEFAULT '',
	avatar     text,
	created_at timestamptz NOT NULL
);

CREATE TABLE stories (
	id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	author_id    bigint NOT NULL REFERENCES users,
	title        text NOT NULL,
	body         text NOT NULL,
	genre        text NOT NULL,
	published    boolean NOT NULL DEFAULT false,
	published_at timestamptz,
	view_count   bigint NOT NULL DEFAULT 0 CHECK (view_count >= 0)
);

CREATE TABLE tags (
	id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL UNIQUE
);

CREATE TABLE story_tags (
	story_id bigint NOT NULL REFERENCES stories ON DELETE CASCADE,
	tag_id   bigint NOT NULL REFERENCES tags,
	PRIMARY KEY (story_id, tag_id)
);

CREATE TABLE comments (
	id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	story_id   bigint NOT NULL REFERENCES stories ON DELETE CASCADE,
	author_id  bigint NOT NULL REFERENCES users,
	body       text NOT NULL,
	created_at timestamptz NOT NULL
);

CREATE TABLE follows (
	follower_id bigint NOT NULL REFERENCES users,
	followed_id bigint NOT NULL REFERENCES users,
	created_at  timestamptz NOT NULL,
	PRIMARY KEY (follower_id, followed_id),
	CHECK (follower_id <> followed_id)
);
