/// The table of commands and options, from which parsing, help and the reference are derived.
enum CommandTable {
  static let summary = "Freshet keeps recommendations up to date while events arrive: Kafka in, lists out to Redis."

  /// Options that every command takes.
  static let globalOptions: [CommandOption] = [
    CommandOption(long: "config", kind: .text, valueName: "FILE", sentence: "Configuration file."),
    CommandOption(long: "set", kind: .text, valueName: "KEY=VALUE", sentence: "Set any key of the configuration.", isRepeated: true),
    CommandOption(
      long: "data-dir", kind: .text, valueName: "DIR", sentence: "Directory for state, and where a running engine says how to reach it.",
      key: "instance.data_dir"),
    CommandOption(
      long: "bootstrap-servers", kind: .text, valueName: "HOST:PORT,...", sentence: "Kafka brokers.", key: "kafka.bootstrap_servers"),
    CommandOption(
      long: "topic", kind: .text, valueName: "NAME", sentence: "Topic with interactions.", isRepeated: true, key: "input.topics"),
    CommandOption(long: "redis", kind: .text, valueName: "URL", sentence: "Redis, such as redis://127.0.0.1:6379.", key: "redis.url"),
    CommandOption(long: "namespace", kind: .text, valueName: "NAME", sentence: "Second part of every Redis key.", key: "redis.namespace"),
    CommandOption(
      long: "admin", kind: .text, valueName: "HOST:PORT", sentence: "Address of the engine's admin server.", key: "admin.listen"),
    CommandOption(
      long: "json", kind: .flag, sentence: "Print one JSON object to standard output; errors are one JSON object on standard error."),
    CommandOption(long: "quiet", short: "q", kind: .flag, sentence: "Print no progress and no notes."),
    CommandOption(long: "verbose", kind: .flag, sentence: "Print debug messages."),
    CommandOption(long: "no-color", kind: .flag, sentence: "Print without colour, as with NO_COLOR in the environment."),
    CommandOption(long: "help", short: "h", kind: .flag, sentence: "Print help."),
  ]

  static let commands: [Command] = [
    Command(
      id: .demo, path: ["demo"],
      summary: "Show everything in one go: an embedded broker, a private redis-server and the engine, fed with shipped data.",
      options: [
        data("Interactions to use in place of the shipped ones."),
        CommandOption(long: "keep", kind: .flag, sentence: "Stay up at the end, until Ctrl-C."),
      ],
      examples: [
        Command.Example(line: "freshet demo", sentence: "Needs no server and no set-up; ends clean."),
        Command.Example(line: "freshet demo --keep", sentence: "Leaves it running, to look around with recommend and status."),
      ]),
    Command(
      id: .serve, path: ["serve"],
      summary: "Run the engine: consume, fold in, publish, retrain on schedule, and serve the admin HTTP.",
      options: [
        CommandOption(
          long: "embedded", kind: .flag, sentence: "Start an in-process broker, and a private redis-server where none answers."),
        CommandOption(
          long: "takeover", kind: .flag,
          sentence: "Publish although another engine that is alive publishes to the same namespace; that one ends."),
        CommandOption(
          long: "from", kind: .text, valueName: "snapshot|earliest|TIME", defaultValue: "snapshot",
          sentence: "Where reading begins: at the newest snapshot, or with a new state at the earliest records or those since a time "
            + "(RFC 3339, or seconds or milliseconds since 1970)."),
        CommandOption(
          long: "set-aside", kind: .flag,
          sentence: "With --from earliest or a time: move the snapshots that are there into a directory with the date, beside the new ones."
        ),
      ],
      examples: [
        Command.Example(line: "freshet serve --config freshet.json", sentence: "Run with a configuration file."),
        Command.Example(
          line: "freshet serve --from earliest --set-aside", sentence: "Once, to read the whole log again; then without these options."),
        Command.Example(line: "freshet serve --embedded", sentence: "Try it out without Kafka."),
      ]),
    Command(
      id: .gateway, path: ["gateway"],
      summary: "Serve recommendations, events and items over HTTP; stateless, as many as wanted.",
      options: [
        CommandOption(
          long: "listen", kind: .text, valueName: "HOST:PORT", defaultValue: "127.0.0.1:8087",
          sentence: "Address; another one than loopback needs tokens or TLS.", key: "gateway.listen")
      ],
      examples: [
        Command.Example(line: "freshet gateway", sentence: "Beside the engine of this machine."),
        Command.Example(
          line: "freshet gateway --listen 0.0.0.0:8087 --set gateway.token_file=tokens",
          sentence: "For other machines; `freshet token new` makes tokens."),
      ]),
    Command(
      id: .produce, path: ["produce"],
      summary: "Stream a file of interactions into the topic, keyed by user, with progress.",
      operands: [
        Command.Operand(
          name: "FILE", sentence: "Interactions as delimited text or JSON lines, plain or gzip, or Parquet; - is standard input.")
      ],
      options: [
        CommandOption(long: "rate", kind: .double(0.001...1e9), valueName: "N", sentence: "Events a second."),
        CommandOption(long: "speedup", kind: .double(0.001...1e12), valueName: "X", sentence: "Follow the file's times, X times as fast."),
        CommandOption(long: "max", kind: .flag, sentence: "As fast as the broker accepts them; the default without --rate and --speedup."),
        value,
        CommandOption(long: "items", kind: .text, valueName: "TITLES", sentence: "File of items and titles, which are loaded into Redis."),
      ] + reading,
      exclusive: [["rate", "speedup", "max"]],
      examples: [
        Command.Example(line: "freshet produce events.tsv.gz --rate 2000", sentence: "2,000 events a second."),
        Command.Example(line: "freshet produce events.csv --speedup 3600", sentence: "An hour of the file in each second."),
        Command.Example(
          line: "freshet produce clicks.dat --columns user=1,item=3,time=2 --rejects rejected.tsv",
          sentence: "Other columns; lines that cannot be used go to a file."),
      ]),
    validate,
    recommend,
    Command(
      id: .popular, path: ["popular"], summary: "Read the popular list from Redis.", options: [count],
      examples: [Command.Example(line: "freshet popular -n 10", sentence: "The ten most popular items right now.")]),
    Command(
      id: .similar, path: ["similar"], summary: "Read the items that are similar to an item from Redis.",
      operands: [Command.Operand(name: "ITEM", sentence: "Id of the item.")], options: [count],
      examples: [Command.Example(line: "freshet similar 22423", sentence: "What goes with this item.")]),
    Command(
      id: .titles, path: ["titles"],
      summary: "Load titles of items into Redis, for the lists that this program prints and for readers that want them.",
      operands: [Command.Operand(name: "FILE", sentence: "Lines of item, tab, title; a .csv file has commas; gzip is understood.")],
      examples: [
        Command.Example(line: "freshet titles items.tsv", sentence: "Beside a running engine."),
        Command.Example(line: "freshet titles items.csv.gz --redis redis://redis-1:6379 --namespace shop", sentence: "Without one."),
      ]),
    Command(
      id: .retrain, path: ["retrain"], summary: "Start a full retrain on the running engine.",
      options: [
        CommandOption(
          long: "wait", kind: .flag, sentence: "Wait for its end, with progress; print the quality of the old and the new model."),
        CommandOption(
          long: "resume", kind: .flag, sentence: "Start none now, and let retrains start by themselves again after a rollback."),
      ],
      exclusive: [["wait", "resume"]],
      examples: [Command.Example(line: "freshet retrain --wait", sentence: "Start and watch it.")]),
    Command(
      id: .status, path: ["status"], summary: "Print the state of the running engine.",
      options: [CommandOption(long: "watch", kind: .flag, sentence: "Print it every second, on a terminal in place.")],
      examples: [
        Command.Example(line: "freshet status", sentence: "Once."),
        Command.Example(line: "freshet status --json", sentence: "For a program."),
      ]),
    Command(
      id: .doctor, path: ["doctor"],
      summary: "Look at the configuration, the disk, Kafka, the newest records and Redis, and say what is wrong and how to fix it.",
      examples: [
        Command.Example(line: "freshet doctor --config freshet.json", sentence: "Exit status 1 if something is lost or cannot work."),
        Command.Example(line: "freshet doctor --json", sentence: "For a program."),
      ]),
    Command(
      id: .models, path: ["models"],
      summary: "List the retrains of the running engine: when each ended, its result, the quality of its model and how lists changed.",
      examples: [Command.Example(line: "freshet models", sentence: "Newest first.")]),
    Command(
      id: .modelsRollback, path: ["models", "rollback"],
      summary: "Make a new epoch with the item vectors of a kept one; retrains then wait for freshet retrain or freshet retrain --resume.",
      operands: [Command.Operand(name: "EPOCH", sentence: "The epoch; freshet models shows which are kept.")],
      options: [modelWait],
      examples: [Command.Example(line: "freshet models rollback 7 --wait", sentence: "Return to the model of epoch 7.")]),
    Command(
      id: .modelsPromote, path: ["models", "promote"],
      summary: "Make a new epoch of the shadow model, with its settings (shadow.settings), and serve it.",
      options: [modelWait],
      examples: [Command.Example(line: "freshet models promote --wait", sentence: "After freshet models has shown that it is better.")]),
    Command(
      id: .modelsKeep, path: ["models", "keep"],
      summary: "Mark a kept epoch, so that newer ones do not replace it.",
      operands: [Command.Operand(name: "EPOCH", sentence: "The epoch; freshet models shows which are kept.")],
      options: [CommandOption(long: "release", kind: .flag, sentence: "Take the mark away.")],
      examples: [
        Command.Example(line: "freshet models keep 7", sentence: "Before an experiment, to be able to return to it."),
        Command.Example(line: "freshet models keep 7 --release", sentence: "It goes when newer ones need its place."),
      ]),
    Command(
      id: .modelsRemove, path: ["models", "remove"],
      summary: "Remove a kept epoch that is not in use, from retrain.epoch_store, too.",
      operands: [Command.Operand(name: "EPOCH", sentence: "The epoch; freshet models shows which are kept.")],
      examples: [Command.Example(line: "freshet models remove 7", sentence: "No rollback can return to it then.")]),
    Command(
      id: .shadowSet, path: ["shadow", "set"],
      summary: "Compare another model with the one in use, by the same events; the running engine trains it, also after a restart.",
      operands: [
        Command.Operand(
          name: "KEY=VALUE", sentence: "Keys of the group model in which it differs.", isRequired: false, isRepeated: true)
      ],
      options: [
        CommandOption(long: "job", kind: .text, valueName: "JOB.json", sentence: "Take the model of a document for freshet run."),
        CommandOption(long: "name", kind: .text, valueName: "NAME", sentence: "Its name in reports."),
      ],
      examples: [
        Command.Example(
          line: "freshet shadow set model.factors=96 --name more-factors", sentence: "Then freshet models, from time to time."),
        Command.Example(line: "freshet shadow set --job job.json", sentence: "What was evaluated offline, live."),
      ]),
    Command(
      id: .shadowRemove, path: ["shadow", "remove"],
      summary: "Return to the shadow model of the configuration, or to none.",
      examples: [Command.Example(line: "freshet shadow remove", sentence: "After a comparison that does not end in a promotion.")]),
    Command(
      id: .importFactors, path: ["import", "factors"],
      summary: "Make a new epoch of item vectors that another program trained, through the same quality gate as a retrain.",
      operands: [
        Command.Operand(
          name: "DIR",
          sentence: "Directory, on the engine's machine, with item_factors.npy (float32 or float64) and item_ids.txt, an id a line.")
      ],
      options: [modelWait],
      examples: [
        Command.Example(
          line: "freshet import factors model --wait",
          sentence: "Factors that freshet train wrote, as an epoch.")
      ]),
    Command(
      id: .republish, path: ["republish"],
      summary: "Have the running engine write everything to Redis again: vectors, lists of all users, similar items, documents.",
      examples: [Command.Example(line: "freshet republish", sentence: "After keys were lost or removed by hand.")]),
    Command(
      id: .forget, path: ["forget"],
      summary: "Erase users: write their tombstones, wait until the engine, Redis and a snapshot are without them, and print a receipt.",
      operands: [Command.Operand(name: "USER", sentence: "Id of a user to forget.", isRequired: false, isRepeated: true)],
      options: [
        CommandOption(
          long: "file", kind: .text, valueName: "FILE", sentence: "File with one id a line, at most 10,000; - is standard input."),
        CommandOption(long: "no-wait", kind: .flag, sentence: "Write the tombstones, and ask neither the engine nor Redis."),
        CommandOption(
          long: "timeout", kind: .double(0.1...86_400), valueName: "SECONDS", defaultValue: "60",
          sentence: "How long to wait; exit status 1 if something could not be confirmed by then."),
      ],
      examples: [
        Command.Example(line: "freshet forget 17850", sentence: "One user, and what was erased where."),
        Command.Example(line: "freshet forget --file leavers.txt --json", sentence: "Many users, with a receipt to keep."),
        Command.Example(line: "freshet forget 17850 --no-wait", sentence: "When no engine is running."),
      ]),
    Command(
      id: .train, path: ["train"], summary: "Train a model from a file, without Kafka and Redis.",
      options: training + reading,
      examples: [
        Command.Example(line: "freshet train --train train.tsv --test test.tsv", sentence: "Train, and measure recall and nDCG at 20."),
        Command.Example(
          line: "freshet train --train train.tsv --factors 128 --iterations 20 --output model", sentence: "Write the factors."),
        Command.Example(
          line: "freshet train --explicit --train train.tsv --test test.tsv", sentence: "Ratings: RMSE, beside the mean's and the biases'."),
      ],
      presets: staticPresets),
    Command(
      id: .evaluatePrequential, path: ["evaluate", "prequential"],
      summary: "Test, then learn, event by event over a file with times, with the same engine code as serve.",
      options: [
        data("Interactions with times.", isRequired: true),
        CommandOption(
          long: "warmup", kind: .double(0...0.99), valueName: "SHARE", defaultValue: "0.2", sentence: "Share trained on first."),
        CommandOption(
          long: "unscored", kind: .double(0...0.99), valueName: "SHARE", defaultValue: "0.1", sentence: "Share after it that is not scored."
        ),
        CommandOption(
          long: "retrain-every", kind: .text, valueName: "N", sentence: "Events between retrains.", key: "retrain.every_events"),
        CommandOption(long: "limit", kind: .int(1...Int.max), valueName: "N", sentence: "Read no more than N events."),
        CommandOption(
          long: "first-occurrences", kind: .flag, sentence: "Leave out what repeats the user and the item of an earlier event."),
        CommandOption(
          long: "shuffle-ties", kind: .int(0...Int.max), valueName: "SEED",
          sentence: "Shuffle what a user did at one and the same time, for files whose order within a moment means nothing."),
        CommandOption(
          long: "ablation", kind: .flag, sentence: "Print what each part of the model adds, and three baselines: a run for each row."),
        CommandOption(
          long: "rows", kind: .text, valueName: "NAME,...", sentence: "With --ablation: these rows only.", isRepeated: true),
      ] + reading,
      examples: [
        Command.Example(line: "freshet evaluate prequential --data events.tsv.gz", sentence: "Recall at 10 and mean percentile rank."),
        Command.Example(
          line: "freshet evaluate prequential --data events.tsv.gz --ablation", sentence: "A table of the parts and the baselines."),
        Command.Example(
          line: "freshet evaluate prequential --data events.tsv.gz --set model.trend=none", sentence: "The same without the trend."),
      ]),
    Command(
      id: .evaluateHoldout, path: ["evaluate", "holdout"],
      summary: "Train on a part of a file and rank all items for the rest, with popularity and item-kNN beside it.",
      options: [
        data("Interactions; a split by time needs times.", isRequired: true),
        CommandOption(
          long: "split", kind: .choice(["time", "strong", "kfold"]), valueName: "time|strong|kfold", defaultValue: "time",
          sentence: "What is held out: the newest interactions, whole users that are folded in, or random ratings (with --explicit)."),
        CommandOption(
          long: "test-share", kind: .double(0.001...0.9), valueName: "SHARE",
          sentence: "Share held out; 0.2 of the interactions by time, 0.1 of the users when strong."),
        CommandOption(
          long: "folds", kind: .int(2...100), valueName: "N",
          sentence: "strong: hold each of N parts of the users out in turn; kfold: of the ratings, 5 without it."),
        CommandOption(
          long: "seeds", kind: .int(1...100), valueName: "N", defaultValue: "1", sentence: "strong: repeat it with N permutations."),
        CommandOption(
          long: "compare-trained", kind: .flag,
          sentence: "strong: train a second time with the histories, and compare users folded in with users trained in."),
        CommandOption(
          long: "split-seed", kind: .int(0...Int.max), valueName: "N", defaultValue: "98765",
          sentence: "Seed of the permutation, the test items and the intervals."),
        resamples, baselines,
        CommandOption(long: "explicit", kind: .flag, sentence: "Values are ratings; with --split kfold."),
        nonnegative,
      ] + staticModel + [value] + reading,
      examples: [
        Command.Example(line: "freshet evaluate holdout --data events.tsv.gz", sentence: "Train on the first 80 %, rank for the rest."),
        Command.Example(
          line: "freshet evaluate holdout --data events.tsv.gz --split strong --compare-trained --seeds 5 --folds 5",
          sentence: "Is a user folded in as good as a user trained in?"),
        Command.Example(
          line: "freshet evaluate holdout --data ratings.tsv.gz --split kfold --explicit",
          sentence: "RMSE of predicted ratings, beside the mean's and the biases'."),
      ],
      presets: staticPresets),
    evaluateModel, split, runJob,
    Command(
      id: .tune, path: ["tune"],
      summary: "Search a grid for the settings that rank a validation part of a file best; the best places lead the way.",
      options: [
        data("Interactions; a split by time needs times.", isRequired: true),
        CommandOption(
          long: "grid", kind: .text, valueName: "FILE",
          sentence: "JSON object of keys and values to try, such as {\"factors\": [32, 64]}; else a grid around the defaults."),
        CommandOption(
          long: "resume", kind: .text, valueName: "DIR",
          sentence: "Directory of trials.jsonl and best.json; trials that are in it are not run again. Else a new one, tune-TIME."),
        CommandOption(
          long: "split", kind: .choice(["time", "strong"]), valueName: "time|strong", defaultValue: "time",
          sentence: "What is judged with: the interactions before the newest ones, or whole users that are folded in."),
        CommandOption(
          long: "test-share", kind: .double(0.001...0.45), valueName: "SHARE",
          sentence: "Share judged with, and as much again set aside for the test; 0.2 by time, 0.1 of the users when strong."),
        CommandOption(
          long: "metric", kind: .choice(tuningMetrics), valueName: "NAME", defaultValue: tuningMetrics[0],
          sentence: "What is to be high: \(tuningMetrics.joined(separator: ", "))."),
        CommandOption(
          long: "trials", kind: .int(1...100_000), valueName: "N", defaultValue: "24", sentence: "Places to try at most."),
        CommandOption(
          long: "patience", kind: .int(1...1000), valueName: "N", defaultValue: "2",
          sentence: "A training is judged after each number of iterations in the grid, and stops after N judgements without a better one."),
        CommandOption(
          long: "split-seed", kind: .int(0...Int.max), valueName: "N", defaultValue: "98765", sentence: "Seed of the split."),
      ] + tunedModel + [value] + reading,
      examples: [
        Command.Example(line: "freshet tune --data events.tsv.gz", sentence: "The grid around the defaults, by time."),
        Command.Example(
          line: "freshet tune --data events.tsv.gz --split strong --grid grid.json --resume search",
          sentence: "An own grid; the same line again goes on where it was stopped."),
      ],
      presets: staticPresets),
    Command(
      id: .benchmarkFreshness, path: ["benchmark", "freshness"],
      summary: "Measure the time from an event to the list that covers it.",
      options: [
        CommandOption(long: "rate", kind: .double(0.1...1e7), valueName: "N", defaultValue: "1000", sentence: "Events a second."),
        CommandOption(
          long: "seconds", kind: .double(1...86_400), valueName: "S", defaultValue: "10", sentence: "Length, after 3 s of warm-up."),
        CommandOption(
          long: "during-retrain", kind: .flag,
          sentence: "Measure the same while one retrain follows the other, as a whole, while it trains and while it rolls out."),
        CommandOption(
          long: "users", kind: .int(100...10_000_000), valueName: "N",
          sentence: "Use a generated state of this many users in place of the shipped data."),
        CommandOption(
          long: "items", kind: .int(100...10_000_000), valueName: "M",
          sentence: "Items of the generated state; a seventh of the users, at most 28000, without it."),
        data("Interactions to use in place of the shipped ones."),
      ],
      examples: [
        Command.Example(line: "freshet benchmark freshness --rate 2000 --seconds 30", sentence: "Percentiles, and those of the floor."),
        Command.Example(line: "freshet benchmark freshness --during-retrain --json", sentence: "With a retrain, for a program."),
      ]),
    Command(
      id: .benchmarkTrain, path: ["benchmark", "train"],
      summary: "Measure a training on one thread and on several; no Kafka, no Redis.",
      options: [
        data("Interactions to use in place of the shipped ones."),
        CommandOption(
          long: "generated", kind: .text, valueName: "USERSxITEMSxPAIRS", sentence: "Interactions made up in memory, in place of a file."),
        CommandOption(
          long: "factors", kind: .text, valueName: "K", sentence: "Length of the vector of each user and item.", key: "model.factors"),
        CommandOption(
          long: "iterations", kind: .text, valueName: "T", sentence: "Iterations; 5 when nothing sets them.", key: "model.iterations"),
        solver,
        CommandOption(long: "threads", kind: .text, valueName: "P", sentence: "Threads.", key: "retrain.threads"),
      ],
      exclusive: [["data", "generated"]],
      examples: [
        Command.Example(line: "freshet benchmark train --factors 128", sentence: "The shipped interactions."),
        Command.Example(line: "freshet benchmark train --generated 30000x41000x810000 --json", sentence: "A larger set, for a program."),
      ],
      presets: [("model.iterations", "5")]),
    Command(
      id: .benchmarkFoldIn, path: ["benchmark", "fold-in"],
      summary: "Measure how long a user's row takes from the history: recency weights and exact solve.",
      options: [
        CommandOption(
          long: "factors", kind: .text, valueName: "K", sentence: "Length of the vector of each user and item.", key: "model.factors"),
        CommandOption(
          long: "history", kind: .int(1...100_000), valueName: "H", defaultValue: "50", sentence: "Pairs of each user."),
        CommandOption(
          long: "items", kind: .int(1...100_000_000), valueName: "M", defaultValue: "41000", sentence: "Items with a vector."),
        CommandOption(
          long: "batch", kind: .int(1...1_000_000), valueName: "B", defaultValue: "2000", sentence: "Users solved in one pass."),
        threads,
      ],
      examples: [
        Command.Example(line: "freshet benchmark fold-in", sentence: "50 pairs a user."),
        Command.Example(line: "freshet benchmark fold-in --history 200 --factors 128 --json", sentence: "For a program."),
      ]),
    Command(
      id: .benchmarkTopN, path: ["benchmark", "top-n"],
      summary: "Measure exact top-N lists over all items, and check some of them against a full sort.",
      options: [
        CommandOption(
          long: "items", kind: .int(1...100_000_000), valueName: "M", defaultValue: "100000", sentence: "Items scored for each list."),
        CommandOption(
          long: "factors", kind: .text, valueName: "K", sentence: "Length of the vector of each user and item.", key: "model.factors"),
        CommandOption(
          long: "batch", kind: .int(1...1_000_000), valueName: "B", defaultValue: "64", sentence: "Lists made in one pass."),
        CommandOption(
          long: "count", short: "n", kind: .int(1...10_000), valueName: "N", defaultValue: "20", sentence: "Items of a list."),
        data("Train on these interactions and make the lists of all users; in place of random factors.", isRequired: false),
        threads,
      ],
      examples: [
        Command.Example(line: "freshet benchmark top-n --items 41000 --batch 2000", sentence: "Many lists at a time."),
        Command.Example(line: "freshet benchmark top-n --items 1000000 --factors 50 --batch 1", sentence: "One list of a large catalogue."),
        Command.Example(line: "freshet benchmark top-n --data train.tsv", sentence: "A trained model, for all users."),
      ]),
    Command(
      id: .benchmarkKernels, path: ["benchmark", "kernels"],
      summary: "Measure each numeric kernel in each variant, beside the multiply-adds that this processor can do.",
      options: [
        CommandOption(
          long: "factors", kind: .text, valueName: "K", sentence: "Length of the vector of each user and item.", key: "model.factors")
      ],
      examples: [
        Command.Example(line: "freshet benchmark kernels", sentence: "64 factors."),
        Command.Example(line: "freshet benchmark kernels --factors 128 --json", sentence: "For a program."),
      ]),
    Command(
      id: .benchmarkServe, path: ["benchmark", "serve"],
      summary: "Measure a gateway under a load that does not wait, beside an engine that takes events.",
      options: [
        CommandOption(
          long: "rate", kind: .double(1...1e6), valueName: "N", defaultValue: "5000",
          sentence: "Requests a second for lists and for events; filtered lists get 0.4 times as many."),
        CommandOption(
          long: "seconds", kind: .double(0.5...3600), valueName: "S", defaultValue: "10", sentence: "Length of each measurement."),
        CommandOption(
          long: "events", kind: .double(0.001...1e6), valueName: "N", defaultValue: "2000", sentence: "Events a second into the engine."),
        CommandOption(
          long: "items", kind: .int(100...10_000_000), valueName: "M", defaultValue: "41000", sentence: "Items of the generated data."),
        CommandOption(
          long: "users", kind: .int(100...10_000_000), valueName: "N", defaultValue: "20000", sentence: "Users of the generated data."),
      ],
      examples: [
        Command.Example(line: "freshet benchmark serve", sentence: "With the embedded broker and a private redis-server."),
        Command.Example(line: "freshet benchmark serve --rate 1000 --json", sentence: "Less load, for a script."),
      ]),
    Command(
      id: .benchmarkRetrain, path: ["benchmark", "retrain"],
      summary: "Measure retrains beside a stream that goes on: memory, phases, the stream's turns, cancellation; no Kafka, no Redis.",
      options: [
        CommandOption(
          long: "interactions", kind: .int(1000...1_000_000_000), valueName: "N", defaultValue: "2000000",
          sentence: "Events, made up one by one, before the first training."),
        CommandOption(
          long: "users", kind: .int(1...1_000_000_000), valueName: "U", sentence: "Users among whom they are drawn; N/20 without it."),
        CommandOption(
          long: "items", kind: .int(1...100_000_000), valueName: "M", sentence: "Items among which they are drawn; N/200 without it."),
        CommandOption(
          long: "factors", kind: .text, valueName: "K", sentence: "Length of the vector of each user and item.", key: "model.factors"),
        CommandOption(
          long: "threads", kind: .text, valueName: "P", sentence: "Threads of a training; one less than there are processors without it.",
          key: "retrain.threads"),
        CommandOption(
          long: "tombstones", kind: .int(0...10_000_000), valueName: "N", defaultValue: "3000",
          sentence: "Users who leave at the end, after the new items; 0 for none."),
        CommandOption(
          long: "new-items", kind: .int(1...10_000_000), valueName: "N", defaultValue: "100000",
          sentence: "Items that come before that and that no training has seen."),
      ],
      examples: [
        Command.Example(line: "freshet benchmark retrain", sentence: "Half a minute, 250 MB."),
        Command.Example(
          line: "freshet benchmark retrain --interactions 20000000 --threads 2 --json", sentence: "A million users and 100,000 items."),
      ]),
    Command(
      id: .topicsCreate, path: ["topics", "create"], summary: "Create the topics of interactions and of dead letters.",
      options: [
        CommandOption(long: "partitions", kind: .int(1...10_000), valueName: "N", defaultValue: "8", sentence: "Partitions of each.")
      ],
      examples: [Command.Example(line: "freshet topics create --partitions 8", sentence: "Where they do not exist yet.")]),
    Command(
      id: .snapshot, path: ["snapshot"], summary: "Write a snapshot on the running engine now.",
      examples: [Command.Example(line: "freshet snapshot", sentence: "Before maintenance.")]),
    Command(
      id: .tokenNew, path: ["token", "new"], summary: "Make a token for an HTTP server, and its line for the file of tokens.",
      operands: [
        Command.Operand(name: "NAME", sentence: "Who it is for; it stands in the audit log."),
        Command.Operand(name: "ROLE", sentence: "read, write or admin."),
      ],
      examples: [
        Command.Example(
          line: "freshet token new shop read", sentence: "Print a token, and on standard error its line for gateway.token_file.")
      ]),
    build, export, importLists, runsList, runsShow, runsRerun, runsClean, compare, storeList, storeGet, storePut, storeRemove, storeCreate,
    storeClean,
    Command(
      id: .estimate, path: ["estimate"], summary: "Estimate the memory of Redis and of the engine for a number of users and items.",
      options: [
        CommandOption(long: "users", kind: .int(1...10_000_000_000), valueName: "N", sentence: "Users.", isRequired: true),
        CommandOption(long: "items", kind: .int(1...1_000_000_000), valueName: "M", sentence: "Items.", isRequired: true),
        CommandOption(
          long: "interactions", kind: .int(1...100_000), valueName: "K", defaultValue: "50", sentence: "Interactions of a user, on average."
        ),
      ],
      examples: [
        Command.Example(line: "freshet estimate --users 1000000 --items 50000", sentence: "With the defaults."),
        Command.Example(
          line: "freshet estimate --users 1000000 --items 50000 --set publish.rows=true", sentence: "With what a gateway computes from."),
      ]),
    Command(
      id: .configShow, path: ["config", "show"], summary: "Print every key with its effective value and origin, secrets masked.",
      options: [CommandOption(long: "markdown", kind: .flag, sentence: "Print the reference of all keys.")],
      examples: [
        Command.Example(line: "freshet config show", sentence: "What serve would run with."),
        Command.Example(line: "freshet config show --markdown > docs/configuration.md", sentence: "Write the reference."),
      ]),
    Command(
      id: .configCheck, path: ["config", "check"], summary: "Check the configuration and report everything that is wrong.",
      examples: [Command.Example(line: "freshet config check --config freshet.json", sentence: "Exit status 78 if something is wrong.")]),
    Command(
      id: .completion, path: ["completion"], summary: "Print a completion script for a shell.",
      operands: [Command.Operand(name: "SHELL", sentence: "bash, zsh or fish.")],
      examples: [
        Command.Example(line: "freshet completion bash > /etc/bash_completion.d/freshet", sentence: "For every user's bash."),
        Command.Example(
          line: "freshet completion fish > ~/.config/fish/completions/freshet.fish", sentence: "For fish."),
      ]),
    Command(
      id: .version, path: ["version"], summary: "Print the version.",
      examples: [Command.Example(line: "freshet version", sentence: "This program and the libraries it uses.")]),
    Command(
      id: .help, path: ["help"], summary: "Print help on a command.",
      operands: [Command.Operand(name: "COMMAND", sentence: "Its one or two words.", isRequired: false, isRepeated: true)],
      options: [
        CommandOption(long: "markdown", kind: .flag, sentence: "Print the reference of all commands."),
        CommandOption(long: "routes", kind: .flag, sentence: "Print the reference of the admin server."),
        CommandOption(long: "metrics", kind: .flag, sentence: "Print the reference of all metrics."),
        CommandOption(long: "man", kind: .flag, sentence: "Print the manual page, for man -l."),
      ],
      exclusive: [["markdown", "routes", "metrics", "man"]],
      examples: [
        Command.Example(line: "freshet help evaluate prequential", sentence: "Help on one command."),
        Command.Example(line: "freshet help --markdown > docs/cli.md", sentence: "Write the reference."),
        Command.Example(line: "freshet help --metrics", sentence: "What /metrics shows."),
      ]),
  ].map(\.withOptionsOfRecords)

  static func command(_ id: CommandID) -> Command { commands.first { $0.id == id }! }

  /// Commands whose path begins with these words.
  static func commands(under words: [String]) -> [Command] { commands.filter { $0.path.starts(with: words) } }

  private static let training: [CommandOption] = [
    CommandOption(long: "train", kind: .text, valueName: "FILE", sentence: "Interactions to train on.", isRequired: true),
    CommandOption(long: "test", kind: .text, valueName: "FILE", sentence: "Interactions to measure with."),
    CommandOption(
      long: "factors", kind: .text, valueName: "K", sentence: "Length of the vector of each user and item.", key: "model.factors"),
    CommandOption(
      long: "iterations", kind: .text, valueName: "T", sentence: "Iterations; 15 when nothing sets them.", key: "model.iterations"),
    CommandOption(long: "regularization", kind: .text, valueName: "L", sentence: "Regularization (lambda).", key: "model.regularization"),
    CommandOption(
      long: "unobserved-weight", kind: .text, valueName: "A0", sentence: "Weight of pairs without an interaction.",
      key: "model.unobserved_weight"),
    solver,
    CommandOption(long: "threads", kind: .text, valueName: "P", sentence: "Threads.", key: "retrain.threads"),
    CommandOption(long: "seed", kind: .text, valueName: "N", sentence: "Seed of the random initial factors.", key: "model.seed"),
    value,
    CommandOption(
      long: "explicit", kind: .flag, sentence: "The value column holds ratings; with a test file, RMSE and MAE in place of recall."),
    nonnegative,
    CommandOption(long: "output", kind: .text, valueName: "DIR", sentence: "Directory for the factors."),
  ]

  /// What `train` takes of the model, for the other commands that train from a file.
  private static let staticModel = training.filter { $0.key != nil }

  private static let tunedModel = staticModel.map { option in
    guard option.key == "model.iterations" else { return option }
    return CommandOption(
      long: option.long, kind: option.kind, valueName: option.valueName,
      sentence: "Iterations of every training. Else those of the grid: up to 24 in the standard one, 15 where a file says nothing.",
      key: option.key)
  }

  private static let tuningMetrics = ["ndcg_at_100", "ndcg_at_20", "recall_at_20", "recall_capped_at_20", "recall_at_100"]

  static let staticPresets: [(key: String, value: String)] = [("model.iterations", "15")] + withoutLiveParts

  /// Parts of the model that need the order of events, which are off when a file is trained as a whole.
  static let withoutLiveParts: [(key: String, value: String)] = [
    ("model.recency", "none"), ("model.training_block", "none"), ("model.trend", "none"), ("model.transitions", "none"),
  ]

  private static let modelWait = CommandOption(
    long: "wait", kind: .flag, sentence: "Wait until every user has a list of the new epoch, with progress.")
  private static let solver = CommandOption(
    long: "solver", kind: .text, valueName: "auto|cholesky|cg",
    sentence: "How a row is solved: exactly, or by some steps of conjugate gradients.", key: "model.solver")

  private static let nonnegative = CommandOption(
    long: "nonnegative", kind: .flag, sentence: "With --explicit: factors of at least 0; biases keep their sign.")

  static let resamples = CommandOption(
    long: "resamples", kind: .int(1...100_000), valueName: "N", defaultValue: "1000", sentence: "Of users, for the 95 % intervals.")

  static let baselines = CommandOption(
    long: "baselines", kind: .choice(["all", "popularity", "none"]), valueName: "all|popularity|none", defaultValue: "all",
    sentence: "What to rank beside the model; all: popularity and item-kNN.")

  private static let count = CommandOption(
    long: "count", short: "n", kind: .int(1...10_000), valueName: "N", defaultValue: "10", sentence: "Items to print.")

  private static let threads = CommandOption(
    long: "threads", kind: .int(1...1024), valueName: "P", sentence: "Threads; all processors without it.")

  static let value = CommandOption(
    long: "value", kind: .choice(["ignore", "weight", "log1p"]), valueName: "ignore|weight|log1p", defaultValue: "ignore",
    sentence: "What the value column says about strength.")

  private static func data(_ sentence: String, isRequired: Bool = false) -> CommandOption {
    CommandOption(long: "data", kind: .text, valueName: "FILE", sentence: sentence, isRequired: isRequired)
  }
}
