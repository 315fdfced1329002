//! The rules about the seal file and what it vouches for.

use super::{Example, Rule};

const USERS: &[u8] = b"create table users (id bigint primary key);\n";
const USERS_EDITED: &[u8] = b"create table users (id bigint primary key, name text);\n";
const EMAIL: &[u8] = b"alter table users add column email text;\n";

/// Vouches for `0001_create_users.sql` with [`USERS`].
const USERS_SEALED: &[u8] = b"\
# Sealed migrations. `graven seal` adds to it; never edit a sealed migration.\n\
head sha256:d037b113d3cfb947b6602590dcdf39d0c6c1daa22a468be9c3b4053aebc96ca7\n\
0001 create_users sha256:09df4ce107e0e5469ec8f0fc9cacfd8a110d99e4c365881b123bdd6f5bd360b4\n\
";

/// Vouches for `0002_add_email.sql` with [`EMAIL`].
const EMAIL_SEALED: &[u8] = b"\
# Sealed migrations. `graven seal` adds to it; never edit a sealed migration.\n\
head sha256:8898e3a4ae0e92d7ca27428366e7d4bbea2a093cbd6c8df391f5c0b91c86774e\n\
0002 add_email sha256:37ea706b0546c8ba8b75d575f170368a42b8055e6a0cd77fb23f63fa129cc444\n\
";

/// Vouches for both.
const BOTH_SEALED: &[u8] = b"\
# Sealed migrations. `graven seal` adds to it; never edit a sealed migration.\n\
head sha256:c4163b4fa73a21f369176fb1090cd4a224b565b3b90502a3c938fe11977718e2\n\
0001 create_users sha256:09df4ce107e0e5469ec8f0fc9cacfd8a110d99e4c365881b123bdd6f5bd360b4\n\
0002 add_email sha256:37ea706b0546c8ba8b75d575f170368a42b8055e6a0cd77fb23f63fa129cc444\n\
";

const GOOD: Example =
    Example::new(&[("0001_create_users.sql", USERS), ("0002_add_email.sql", EMAIL), ("seal.lock", BOTH_SEALED)]);

/// There is no `seal.lock`.
pub static SEAL_ABSENT: Rule = Rule {
    id: "seal-absent",
    finds: "there is no `seal.lock`",
    why: "It is the file by which the compiler notices that a migration was added or deleted, and in which a released \
          migration is carved in. Without it a build would go on with the migrations of an earlier one.",
    remedy: "Take it back from git, if it was there: a new one would seal whatever the files say by now. Otherwise create \
             `seal.lock` in the migrations directory and commit it. An empty file serves; `graven seal` writes one, too.",
    good: Example::new(&[("0001_create_users.sql", USERS), ("seal.lock", b"")]),
    bad: Example::new(&[("0001_create_users.sql", USERS)]),
};

/// The seal file does not say what it says for certain.
pub static SEAL_DAMAGED: Rule = Rule {
    id: "seal-damaged",
    finds: "a line of `seal.lock` does not parse or is out of order, or `head` does not match the lines below it",
    why: "`head` is a digest of all lines below it, so that two branches that both seal a migration conflict in git \
          instead of merging silently into an order that no database has seen.",
    remedy: "After a merge, let `graven seal` keep the lines of both sides, or keep them by hand, in order of version, \
             below the `head` that the message prints. Where both sides sealed different things under one version, keep \
             the seal file of one side, and `graven renumber` gives the other migration the next free version. After a \
             cherry-pick of a part of what the other side sealed, keep the seal file of this side. Otherwise take the file \
             back from git.",
    good: GOOD,
    bad: Example::new(&[
        ("0001_create_users.sql", USERS),
        (
            "seal.lock",
            b"\
# Sealed migrations. `graven seal` adds to it; never edit a sealed migration.\n\
head sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n\
0001 create_users sha256:09df4ce107e0e5469ec8f0fc9cacfd8a110d99e4c365881b123bdd6f5bd360b4\n\
",
        ),
    ]),
};

/// The text of a sealed migration differs.
pub static SEALED_EDITED: Rule = Rule {
    id: "sealed-edited",
    finds: "the checksum of a sealed migration differs from the one in `seal.lock`",
    why: "A migration is applied once. A database that has it already will not get the change, and a new one will: from \
          then on the two differ.",
    remedy: "Undo the edit and put the change into a new migration. `git checkout HEAD -- FILE` undoes one that is not \
             committed, and `git checkout COMMIT -- FILE` any other, with a commit from before it; the commands that the \
             message prints find one. An edit that changes nothing in the database, such as one to a comment, is accepted \
             with `graven seal --accept-edit VERSION`; that of a baseline with `--accept-edit VERSION.baseline`.",
    good: GOOD,
    bad: Example::new(&[("0001_create_users.sql", USERS_EDITED), ("seal.lock", USERS_SEALED)]),
};

/// The file of a sealed migration is gone.
pub static SEALED_DELETED: Rule = Rule {
    id: "sealed-deleted",
    finds: "the file of a sealed migration is gone",
    why: "Databases that ran it have it in their history, where it would be orphaned: a binary without it refuses to run \
          on them.",
    remedy: "Take the file back from git, or give it its version back: one that was only renumbered is known by its text. \
             To undo what it did, write a new migration.",
    good: GOOD,
    bad: Example::new(&[("0002_add_email.sql", EMAIL), ("seal.lock", BOTH_SEALED)]),
};

/// A sealed migration has another name.
pub static SEALED_RENAMED: Rule = Rule {
    id: "sealed-renamed",
    finds: "a sealed migration has its version and text still, and another name",
    why: "The history of every database that ran it has it under its old name.",
    remedy: "Give the file its sealed name back.",
    good: GOOD,
    bad: Example::new(&[("0001_create_user.sql", USERS), ("seal.lock", USERS_SEALED)]),
};

/// A new migration lies below the sealed head.
pub static INSERTED_BEFORE_SEAL: Rule = Rule {
    id: "inserted-before-seal",
    finds: "a new migration has a version below that of the last sealed one",
    why: "Databases that are at the sealed version already would have to apply it out of order, after migrations that a \
          new database runs later.",
    remedy: "Give it the next free version, with the `git mv` that the message prints or with `graven renumber`. What is \
             not sealed keeps its order: what it would come after goes along.",
    good: Example::new(&[("0001_create_users.sql", USERS), ("0002_add_email.sql", EMAIL), ("seal.lock", USERS_SEALED)]),
    bad: Example::new(&[("0001_create_users.sql", USERS), ("0002_add_email.sql", EMAIL), ("seal.lock", EMAIL_SEALED)]),
};

/// A release build with unsealed migrations.
pub static UNSEALED_RELEASE: Rule = Rule {
    id: "unsealed-release",
    finds: "a build without debug assertions embeds a migration that is not sealed",
    why: "What is released runs on databases that outlive it. From then on the migration must not change, and nothing \
          would notice if it did.",
    remedy: "Run `graven seal` and commit `seal.lock`, or write the lines that the message prints. \
             `embed_migrations!(unsealed = \"allow\")` lets a release embed them unsealed.",
    good: GOOD,
    bad: Example::new(&[("0001_create_users.sql", USERS), ("seal.lock", b"")]),
};
