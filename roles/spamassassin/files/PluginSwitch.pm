# Keeps plugins from being loaded that the distribution's own .pre files ask for. Those files belong to the package:
# a changed one would make the next upgrade stop and ask. Must be loaded before them, so from a file that sorts first:
#
#   loadplugin Mailcordon::PluginSwitch /etc/spamassassin/mailcordon/PluginSwitch.pm
#   plugin_off Mail::SpamAssassin::Plugin::Pyzor
package Mailcordon::PluginSwitch;

use strict;
use warnings;

use Mail::SpamAssassin::Conf;
use Mail::SpamAssassin::Logger;
use Mail::SpamAssassin::Plugin;
use Mail::SpamAssassin::PluginHandler;

our @ISA = qw(Mail::SpamAssassin::Plugin);

my $load_plugin = Mail::SpamAssassin::PluginHandler->can('load_plugin')
  or die "this SpamAssassin loads plugins in a way that Mailcordon::PluginSwitch does not know\n";

{
  no warnings 'redefine';
  *Mail::SpamAssassin::PluginHandler::load_plugin = sub {
    my ($handler, $package, @rest) = @_;
    if ($handler->{main}{conf}{plugins_off}{$package}) {
      dbg("plugin: $package is switched off");
      return;
    }
    return $load_plugin->($handler, $package, @rest);
  };
}

sub new {
  my ($class, $main) = @_;
  my $self = $class->SUPER::new($main);
  bless $self, ref $class || $class;
  $main->{conf}{parser}->register_commands([{
    setting => 'plugin_off',
    is_admin => 1,
    type => $Mail::SpamAssassin::Conf::CONF_TYPE_STRING,
    code => sub {
      my ($conf, $key, $value) = @_;
      return $Mail::SpamAssassin::Conf::INVALID_VALUE if $value !~ /^(?:\w+::)*\w+$/;
      $conf->{plugins_off}{$value} = 1;
    },
  }]);
  return $self;
}

1;
