// A ledger in a folder: entries from stdin are appended to a journal, balances are kept in a map, and a report is written.
//
//   ledger FOLDER         each line of stdin: ACCOUNT AMOUNT

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::process::exit;

fn entry(line: &str) -> Option<(&str, i64)> {
    let mut words = line.split_whitespace();
    let account = words.next()?;
    let amount = words.next()?.parse().ok()?;
    words.next().is_none().then(|| (account, amount))
}

fn run(folder: &str) -> io::Result<usize> {
    let mut balances: BTreeMap<String, i64> = BTreeMap::new();
    let mut refused = 0;
    let mut journal = OpenOptions::new().create(true).append(true).read(true).open(format!("{folder}/journal"))?;
    for (number, line) in io::stdin().lock().lines().enumerate() {
        let line = line?;
        let (account, amount) = if let Some(entry) = entry(&line) { entry } else {
            refused += 1;
            println!("line {}: not an entry", number + 1);
            continue;
        };
        writeln!(journal, "{account}\t{amount}")?;
        let balance = balances.entry(account.to_string()).or_insert(0);
        *balance += amount;
        if number % 50 == 0 {
            journal.sync_data()?;
            println!("{account} has {balance}");
        }
    }
    journal.sync_all()?;
    fs::create_dir_all(format!("{folder}/reports/latest"))?;
    for (account, balance) in &balances {
        let mut report = File::create(format!("{folder}/reports/latest/{account}.txt"))?;
        writeln!(report, "{account}: {balance}")?;
    }
    let mut text = String::new();
    journal.seek(SeekFrom::Start(0))?;
    journal.read_to_string(&mut text)?;
    let total: i64 = text.lines().filter_map(entry).map(|(_, amount)| amount).sum();
    let names: Vec<_> = {
        let mut names: Vec<_> = fs::read_dir(format!("{folder}/reports/latest"))?
            .map(|item| item.map(|item| item.file_name().to_string_lossy().into_owned()))
            .collect::<Result<_, _>>()?;
        names.sort();
        names
    };
    println!("{} entries, {} accounts, total {total}", text.lines().count(), balances.len());
    println!("{}", names.join(" "));
    if fs::metadata(format!("{folder}/reports/old")).is_ok() {
        fs::remove_dir_all(format!("{folder}/reports/old"))?;
    }
    fs::rename(format!("{folder}/reports/latest"), format!("{folder}/reports/old"))?;
    Ok(refused)
}

fn main() {
    let folder = std::env::args().nth(1).unwrap_or_else(|| exit(64));
    match run(&folder) {
        Ok(refused) => exit(if refused == 0 { 0 } else { 1 }),
        Err(error) => {
            eprintln!("ledger: {error}");
            exit(2)
        }
    }
}
