-- One database per service; each service makes its own tables.
create database registration encoding 'UTF8' template template0;
create database badging encoding 'UTF8' template template0;
create database notifications encoding 'UTF8' template template0;
