use graven::{Migrations, embed_migrations};

static IN_A_STATIC: Migrations = embed_migrations!("no_follow_up_errors/migrations");
const IN_A_CONSTANT: Migrations = embed_migrations!("no_follow_up_errors/migrations");
static OF_TWO: [Migrations; 2] = [embed_migrations!("no_follow_up_errors/migrations"), IN_A_CONSTANT];

const fn in_a_constant_function() -> Migrations {
    embed_migrations!("no_follow_up_errors/migrations")
}

struct Service {
    migrations: &'static Migrations,
}

impl Service {
    const MIGRATIONS: Migrations = embed_migrations!("no_follow_up_errors/migrations");
}

fn main() {
    let set = embed_migrations!("no_follow_up_errors/migrations");
    let service = Service { migrations: &IN_A_STATIC };
    let head = embed_migrations!("no_follow_up_errors/migrations").head();
    for migration in service.migrations.iter().chain(&set).chain(&OF_TWO[1]) {
        println!("{:?} {}", head, migration.name());
    }
    embed_migrations!("no_follow_up_errors/migrations");
    println!("{}", in_a_constant_function().len() + Service::MIGRATIONS.len());
}
