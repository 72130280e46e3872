// All commands: each file enters its own into the table.
import './transactions';
import './server-commands';
import './key-commands';
import './text-commands';
import './table-commands';
import './list-commands';
